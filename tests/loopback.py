"""Sockets of a process that reach this machine only: a test that goes out onto the network fails."""

import ipaddress
import socket
from typing import Any

import pytest


class NetworkReachError(RuntimeError):
    """Say that a test tried to reach the network.

    It is no OSError, so that code which lives on without a network cannot hide it.
    """


def is_here(host: object) -> bool:
    """Tell whether a name or number of a host means this machine: loopback, its own name, or no host at all."""
    if host in (None, "", b"", "localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def stay_here(patch: pytest.MonkeyPatch) -> None:
    """Refuse every connection, datagram and look-up of a name that leaves this machine; child processes go free."""
    connect, connect_ex, sendto = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto
    look_up = socket.getaddrinfo

    def check(address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None  # others are paths of AF_UNIX
        if not is_here(host):
            raise NetworkReachError(f"a test reaches for {address!r}, but tests have no network")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(address)
        return connect_ex(self, address)

    def guarded_sendto(self: socket.socket, data: Any, *rest: Any) -> int:
        check(rest[-1])
        return sendto(self, data, *rest)

    def guarded_look_up(host: Any, *rest: Any, **options: Any) -> Any:
        check((host,))
        return look_up(host, *rest, **options)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket.socket, "sendto", guarded_sendto)
    patch.setattr(socket, "getaddrinfo", guarded_look_up)
