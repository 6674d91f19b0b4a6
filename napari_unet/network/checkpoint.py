"""A network on disk: weights as safetensors, everything else as JSON in the same file."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from napari_unet import storage
from napari_unet.errors import UserError, is_ours, program_error
from napari_unet.network.known_facts import refuse_strange_facts
from napari_unet.network.unet import (
    STORED_CONTEXT,
    Architecture,
    DeepShallowHead,
    UNet,
    attribute_names,
    build,
    stored_names,
)
from napari_unet.storage import refusal, replace_bytes, replace_file, sha256

FORMAT = 3  # format 1 has channels, classes, width and depth of the architecture only, format 2 no context planes
_WITHOUT_CONTEXT = 2  # still written for networks without context planes, so that older versions read them
HEADER_LIMIT = 2**20  # bytes of metadata at most; longer ones count as damaged
_PRIOR = "prior"  # name of the fact
_LIMITS = {"channels": 256, "classes": 255, "width": 128, "depth": 6}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network with what is needed to use it and to go on training it.

    Attributes
    ----------
    architecture : builds the network
    class_ids : the class of every output; a mask holds id - 1
    class_names : as the user called them
    step : training steps behind it
    network_weights : float32 on the CPU, by name
    training : tensors of the optimiser and the like; {} where only predictions matter
    facts : scores, versions and whatever else JSON can hold
    """

    architecture: Architecture
    class_ids: tuple[int, ...]
    class_names: tuple[str, ...]
    step: int
    network_weights: dict[str, Tensor]
    training: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def network(self) -> UNet:
        """Build the network, in evaluation mode, on the CPU."""
        network = build(self.architecture)
        network.load_state_dict(self.network_weights)
        if isinstance(network.head, DeepShallowHead):
            network.head.prior = _prior(self.facts, len(self.class_ids))
        return network.eval()

    def fingerprint(self) -> str:
        """Return the SHA-256 of all that predictions depend on: architecture, classes and weights, however stored."""
        context_planes = (self.architecture.context_planes,) if self.architecture.context_planes else ()
        digest = hashlib.sha256(repr((self.architecture, self.class_ids, *context_planes)).encode())
        for name, tensor in sorted(self.network_weights.items()):
            digest.update(repr((name, tuple(tensor.shape), tensor.dtype)).encode())
            digest.update(tensor.detach().cpu().numpy().tobytes())
        return digest.hexdigest()


def prior_fact(network: UNet) -> dict[str, Any]:
    """Return the head's prior for the facts of a checkpoint, from which training goes on; {} for a head without one."""
    return {_PRIOR: network.head.prior.tolist()} if isinstance(network.head, DeepShallowHead) else {}


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write atomically, with a ``.json`` beside it that names the content and its SHA-256.

    Raises
    ------
    UserError
        NU-M04 for weights that are not finite; NU-E01 when the disk refuses. The old file stays as it was.
    """
    _refuse_non_finite(checkpoint.network_weights, str(path))
    tensors = {f"weights.{name}": tensor.contiguous() for name, tensor in checkpoint.network_weights.items()}
    tensors |= {f"training.{name}": tensor.contiguous() for name, tensor in checkpoint.training.items()}
    record = _record(checkpoint)
    # The library's own writing raises an error of its own kind on a full disk.
    data = save(tensors, metadata={"napari_unet": json.dumps(record)})
    with _note_set_aside(path.with_suffix(".json")):
        replace_bytes(path, data)
    digest = hashlib.sha256(data).hexdigest()
    note = json.dumps({**record, "sha256": digest}, indent=1, ensure_ascii=False)
    replace_bytes(path.with_suffix(".json"), note.encode())


def copy_checkpoint(source: Path, target: Path) -> None:
    """Keep a second copy of a checkpoint and its note, byte for byte."""
    with _note_set_aside(target.with_suffix(".json")):
        replace_file(target, lambda temporary: shutil.copyfile(source, temporary))
    note = source.with_suffix(".json")
    if note.is_file():
        replace_file(target.with_suffix(".json"), lambda temporary: shutil.copyfile(note, temporary))


@contextmanager
def _note_set_aside(note: Path) -> Iterator[None]:
    """Take the old checksum away while the network is replaced, and bring it back when that fails.

    A kill between the two files would else leave a new network beside the old one's checksum, which looks damaged.
    """
    aside = note.with_name(f"{note.name}.old")
    is_there = note.is_file()
    try:
        if is_there:
            storage.disk.move(note, aside)
    except OSError as error:
        raise refusal(error, note) from error
    try:
        yield
    except UserError:
        # Without its note the network is whole all the same; only the checksum is not compared.
        # One that a killed save set aside is that of an older network, and stays aside.
        with suppress(OSError):
            if is_there:
                storage.disk.move(aside, note)
        raise
    with suppress(OSError):
        storage.disk.remove(aside)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and check a checkpoint; nothing in the file is ever executed.

    Raises
    ------
    UserError
        NU-M01 not there, NU-M02 damaged or foreign, NU-M03 made by a newer version, NU-M04 not finite.
    """
    if not path.is_file():
        raise UserError("NU-M01", "there is no trained network yet", str(path), "train first or choose another file")
    _refuse_changed(path)
    try:
        with safe_open(path, framework="pt") as file:
            record = _parsed(file.metadata(), str(path))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise _damaged(path, str(error)) from error
    checkpoint = _checkpoint(record, tensors, path)
    _refuse_non_finite(checkpoint.network_weights, str(path))
    return checkpoint


def read_architecture(path: Path) -> Architecture | None:
    """Read from its description what network a file holds; None where ``load_checkpoint`` would refuse that."""
    try:
        with safe_open(path, framework="pt") as file:
            return _architecture(msgspec.convert(_parsed(file.metadata(), str(path)), _Record).architecture)
    except (SafetensorError, OSError, UserError, ValueError, KeyError, TypeError, msgspec.ValidationError):
        return None


class _Record(msgspec.Struct, frozen=True):
    """The description of a network, as it is stored beside the weights."""

    architecture: dict[str, Any]
    class_ids: tuple[int, ...]
    class_names: tuple[str, ...]
    step: int
    facts: dict[str, Any]


def _record(checkpoint: Checkpoint) -> dict[str, Any]:
    architecture = stored_names(checkpoint.architecture)
    if not checkpoint.architecture.context_planes:
        del architecture[STORED_CONTEXT]
    return {
        "format": FORMAT if checkpoint.architecture.context_planes else _WITHOUT_CONTEXT,
        "architecture": architecture,
        "class_ids": list(checkpoint.class_ids),
        "class_names": list(checkpoint.class_names),
        "step": checkpoint.step,
        "facts": checkpoint.facts,
    }


def _parsed(metadata: dict[str, str] | None, where: str) -> dict[str, Any]:
    text = (metadata or {}).get("napari_unet", "")
    if not text or len(text) > HEADER_LIMIT:
        raise UserError(
            "NU-M02", "the file holds no napari-unet network", where, "choose a checkpoint written by this program"
        )
    try:
        record = msgspec.convert(json.loads(text), dict[str, Any])
        version = msgspec.convert(record["format"], int)
    except (ValueError, KeyError, OverflowError, RecursionError, msgspec.ValidationError) as error:
        raise UserError(
            "NU-M02", "the network's description is damaged", where, "restore the file from a copy"
        ) from error
    if version > FORMAT:
        raise UserError(
            "NU-M03", f"the network was written by a newer version (format {version})", where, "update napari-unet-live"
        )
    return record


def _checkpoint(record: dict[str, Any], tensors: dict[str, Tensor], path: Path) -> Checkpoint:
    try:
        said = msgspec.convert(record, _Record)
        checkpoint = Checkpoint(
            _architecture(said.architecture),
            said.class_ids,
            said.class_names,
            said.step,
            _under("weights.", tensors),
            _under("training.", tensors),
            said.facts,
        )
        # Building without memory shows every wrong name and shape before anything is allocated.
        with torch.device("meta"):
            UNet(checkpoint.architecture).load_state_dict(checkpoint.network_weights, assign=True)
        _refuse_negative_variance(checkpoint.network_weights)
        refuse_strange_facts(checkpoint.facts)
    except (ValueError, KeyError, TypeError, OverflowError, RuntimeError, msgspec.ValidationError) as error:
        raise (program_error(error, str(path)) if is_ours(error) else _damaged(path, str(error))) from error
    if len(checkpoint.class_ids) != checkpoint.architecture.classes or len(checkpoint.class_names) != len(
        checkpoint.class_ids
    ):
        raise _damaged(path, "classes and outputs do not match")
    if len(set(checkpoint.class_ids)) < len(checkpoint.class_ids) or not all(
        1 <= k <= 255 for k in checkpoint.class_ids
    ):
        raise _damaged(path, f"class numbers {checkpoint.class_ids[:9]}")
    return checkpoint


def _architecture(record: dict[str, Any]) -> Architecture:
    """Build the architecture from its stored fields; absent ones, as in files of format 1, take their defaults."""
    defaults = stored_names(Architecture())
    unknown = sorted(set(record) - set(defaults))
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}")
    for name, value in record.items():
        # A rate of 0 may have been written as a whole number; a bool is an int to Python and not to us.
        kinds = (int, float) if isinstance(defaults[name], float) else (type(defaults[name]),)
        if type(value) not in kinds:
            raise ValueError(f"{name} {value!r}")
    if any(not 1 <= record[name] <= limit for name, limit in _LIMITS.items()):
        raise ValueError(f"sizes {[record[name] for name in _LIMITS]}")
    return Architecture(**attribute_names(record))


def _prior(facts: dict[str, Any], classes: int) -> Tensor:
    """Return the head's prior; zeros where it is missing or damaged, for predicting does not need it."""
    try:
        values = msgspec.convert(facts.get(_PRIOR), list[float])
    except msgspec.ValidationError:
        return torch.zeros(classes)
    return torch.tensor(values) if len(values) == classes and all(map(math.isfinite, values)) else torch.zeros(classes)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _refuse_changed(path: Path) -> None:
    note = path.with_suffix(".json")
    if not note.is_file() or os.path.getsize(note) > HEADER_LIMIT:
        return
    try:
        expected = msgspec.convert(json.loads(note.read_text(encoding="utf-8")), dict[str, Any]).get("sha256")
    except (ValueError, OverflowError, RecursionError, msgspec.ValidationError) as error:
        raise _damaged(note, str(error)) from error
    if expected is not None and expected != sha256(path):
        raise _damaged(path, "its checksum differs")


def _damaged(path: Path, detail: str) -> UserError:
    return UserError(
        "NU-M02",
        f"the network file is damaged or of another program ({detail.splitlines()[0][:200]})",
        str(path),
        "restore it from a copy, choose another file or train again",
    )


def _refuse_negative_variance(weights: dict[str, Tensor]) -> None:
    for name, tensor in weights.items():
        if name.endswith("running_var") and (tensor < 0).any():
            raise ValueError(f"{name} is below 0")


def _refuse_non_finite(weights: dict[str, Tensor], where: str) -> None:
    bad = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise UserError(
            "NU-M04",
            f"the network holds numbers that are not finite ({bad[0]})",
            where,
            "go back to an earlier checkpoint",
        )
