"""Messages over a pipe: four bytes of length, then msgpack."""

import struct
import threading
from typing import IO, Any, Generic, TypeVar

import msgspec

from napari_unet.errors import UserError
from napari_unet.protocol.message import Message

LIMIT = 64 * 2**20  # bytes of one message
LARGEST_ARRAY = LIMIT - 2**16  # bytes of an array in a message; the rest is for what else it says
_LENGTH = struct.Struct(">I")
M = TypeVar("M")


class Channel(Generic[M]):
    """One end of a two-way pipe; ``send`` may be called from several threads, ``receive`` from one."""

    def __init__(self, source: IO[bytes], sink: IO[bytes], expected: Any) -> None:
        self._source = source
        self._sink = sink
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(expected)
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write one message; OSError when the other end is gone."""
        frame = encode(message)
        with self._lock:
            self._sink.write(frame)
            self._sink.flush()

    def receive(self) -> M:
        """Wait for one message.

        Raises
        ------
        EOFError
            The other end is gone, perhaps in the middle of a message.
        UserError
            NU-W02 for bytes that are no message of this direction.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > LIMIT:
            raise _garbled(f"a message of {length} bytes")
        try:
            return self._decoder.decode(self._read(length))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:  # text that is none is a ValueError
            raise _garbled(str(error)) from error

    def _read(self, count: int) -> bytes:
        data = self._source.read(count)
        if data is None or len(data) < count:
            raise EOFError
        return data


def encode(message: Message) -> bytes:
    """Return the bytes of one message on the wire."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


def _garbled(detail: str) -> UserError:
    return UserError(
        "NU-W02",
        f"the worker and the window do not understand each other ({detail})",
        "worker",
        "restart the training; painting is saved",
    )
