"""Laws of the checkpoint file: what goes in comes out, and nothing in it is believed or executed."""

import errno
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from napari_unet.errors import UserError
from napari_unet.network import checkpoint as checkpoint_module
from napari_unet.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from napari_unet.network.reading import open_network
from napari_unet.network.unet import Architecture, build
from napari_unet.project.project import Project
from napari_unet.storage import replace_bytes

ARCHITECTURE = Architecture(1, 2, 4)


def made(seed: int = 0) -> Checkpoint:
    """A small network with some training state."""
    weights = dict(build(ARCHITECTURE, seed).state_dict())
    training = {"average.x": torch.arange(5.0), "optimiser.0.step": torch.tensor(3.0)}
    return Checkpoint(ARCHITECTURE, (1, 4), ("background", "Zelle"), 17, weights, training, {"rate": 0.1})


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A sound file without its note, so that only the file itself can be judged."""
    path = tmp_path / "best.safetensors"
    save_checkpoint(made(), path)
    path.with_suffix(".json").unlink()
    return path


def refused(path: Path, code: str) -> None:
    """Loading is refused with this code and one line."""
    with pytest.raises(UserError) as caught:
        load_checkpoint(path)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Write a file again with another record or other tensors, as a forger would."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        record = json.loads(file.metadata()["napari_unet"])
    change(record, tensors)
    save_file(tensors, path, metadata={"napari_unet": json.dumps(record)})


def test_round_trip_is_exact(tmp_path: Path) -> None:
    """Loaded, a network gives the same logits bit for bit; the rest of the record is equal."""
    before = made()
    path = tmp_path / "best.safetensors"
    save_checkpoint(before, path)
    after = load_checkpoint(path)
    assert after.architecture == before.architecture
    assert (after.class_ids, after.class_names, after.step) == (before.class_ids, before.class_names, before.step)
    assert after.facts == before.facts
    assert after.training.keys() == before.training.keys()
    assert all(torch.equal(after.training[name], before.training[name]) for name in before.training)
    x = torch.randn(1, 1, 32, 48)
    with torch.inference_mode():
        assert torch.equal(before.network()(x), after.network()(x))


def test_a_file_without_its_note_is_read(stored: Path) -> None:
    """The note beside the file is a help, not a need."""
    assert load_checkpoint(stored).step == 17


def test_what_is_no_network_is_told_as_what_it_is(tmp_path: Path, stored: Path) -> None:
    """A path with a slip in it, a folder of images, a project before its first training, and a picture."""
    (tmp_path / "images").mkdir()
    with Project(tmp_path / "new.unet"):
        pass
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    for name, told in (
        ("slip.unet", "NU-M01: there is no such file or folder, "),
        ("images", "NU-M01: this folder is neither a project nor a model package, "),
        ("new.unet", "NU-M01: there is no trained network yet, "),
        ("a.png", "NU-M02: the network file is damaged or of another program "),
    ):
        with pytest.raises(UserError, match=f"^{told}.*{name}"):
            open_network(tmp_path / name)
    assert open_network(stored).step == 17


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """No file, no network."""
    refused(tmp_path / "best.safetensors", "NU-M01")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.5, 0.999])
def test_a_truncated_file_is_refused(stored: Path, share: float) -> None:
    """A file that ends early is damaged, wherever it ends."""
    whole = stored.read_bytes()
    stored.write_bytes(whole[: int(share * len(whole))])
    refused(stored, "NU-M02")


@pytest.mark.parametrize("place", [0, 7, 40, -1, -4000])
def test_a_flipped_bit_is_seen(tmp_path: Path, place: int) -> None:
    """One bit anywhere is noticed by the checksum in the note."""
    path = tmp_path / "best.safetensors"
    save_checkpoint(made(), path)
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 16
    path.write_bytes(damaged)
    refused(path, "NU-M02")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"sha256": "no"}', "\x00"])
def test_a_damaged_note_is_told(tmp_path: Path, text: str) -> None:
    """A note that is no note, or is of another file, is not passed over."""
    path = tmp_path / "best.safetensors"
    save_checkpoint(made(), path)
    path.with_suffix(".json").write_text(text)
    refused(path, "NU-M02")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(stored: Path, tmp_path: Path, value: float) -> None:
    """They are neither written nor read."""
    bad = made()
    bad.network_weights["head.bias"][0] = value
    with pytest.raises(UserError, match=r"^NU-M04: "):
        save_checkpoint(bad, tmp_path / "other.safetensors")
    assert not (tmp_path / "other.safetensors").exists()
    rewrite(stored, lambda record, tensors: tensors["weights.head.bias"].fill_(value))
    refused(stored, "NU-M04")


@pytest.mark.parametrize(
    "change",
    [
        lambda record, tensors: tensors.pop("weights.head.bias"),
        lambda record, tensors: tensors.update({"weights.head.bias": torch.zeros(3)}),
        lambda record, tensors: tensors.update({"weights.more": torch.zeros(3)}),
        lambda record, tensors: record["architecture"].update(width=8),
        lambda record, tensors: record["architecture"].update(width=10**9),
        lambda record, tensors: record["architecture"].update(depth=-1),
        lambda record, tensors: record["architecture"].update(width="wide"),
        lambda record, tensors: record.pop("architecture"),
        lambda record, tensors: record.update(class_ids=[1]),
        lambda record, tensors: record.update(class_ids=[1, 300]),
        lambda record, tensors: record.update(class_ids=[1, -2]),
        lambda record, tensors: record.update(class_ids=[2, 2]),
        lambda record, tensors: record.update(class_names=["a", "b", "c"]),
        lambda record, tensors: record.update(step="late"),
        lambda record, tensors: record.update(facts=3),
        lambda record, tensors: record.clear(),
    ],
)
def test_contradictions_are_refused(stored: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """A record and tensors that do not belong together are damage, not a crash."""
    rewrite(stored, change)
    refused(stored, "NU-M02")


def test_a_newer_format_is_refused(stored: Path) -> None:
    """The reader says that it is too old."""
    rewrite(stored, lambda record, tensors: record.update(format=checkpoint_module.FORMAT + 1))
    refused(stored, "NU-M03")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"napari_unet": "["}, {"napari_unet": "[" * 100_000}])
def test_foreign_safetensors_are_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    """Tensors of another program are no network of ours."""
    path = tmp_path / "foreign.safetensors"
    save_file({"x": torch.zeros(3)}, path, metadata=metadata)
    refused(path, "NU-M02")


class Payload:
    """Unpickling this writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("dump", [lambda value, path: path.write_bytes(pickle.dumps(value)), torch.save])
def test_a_pickle_is_never_run(tmp_path: Path, dump: Callable[[Any, Path], object]) -> None:
    """A pickle under our ending is refused and its payload does not run; unpickled, it would have."""
    target, path = tmp_path / "payload-ran", tmp_path / "best.safetensors"
    dump(Payload(target), path)
    refused(path, "NU-M02")
    assert not target.exists()
    pickle.loads(pickle.dumps(Payload(target)))  # noqa: S301 - shows that the payload works
    assert target.exists()


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs the new network, not the old one, and leaves no half file."""
    path = tmp_path / "models" / "best.safetensors"
    save_checkpoint(made(0), path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match=r"^NU-E01: the disk is full"):
        save_checkpoint(made(1), path)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
    assert load_checkpoint(path).step == 17


def test_a_kill_between_network_and_note_costs_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new network is there and its old checksum is not held against it."""
    path = tmp_path / "best.safetensors"
    save_checkpoint(made(), path)

    def killed(target: Path, data: bytes) -> None:
        if target.suffix == ".json":
            raise KeyboardInterrupt
        replace_bytes(target, data)

    changed = made()
    changed.network_weights["head.bias"] += 1
    monkeypatch.setattr(checkpoint_module, "replace_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(changed, path)
    monkeypatch.undo()
    assert torch.equal(load_checkpoint(path).network_weights["head.bias"], changed.network_weights["head.bias"])


def test_a_copy_is_the_same_to_the_byte(tmp_path: Path) -> None:
    """Network and note both, and the copy passes its own check."""
    best, previous = tmp_path / "best.safetensors", tmp_path / "previous.safetensors"
    save_checkpoint(made(1), previous)
    save_checkpoint(made(0), best)
    checkpoint_module.copy_checkpoint(best, previous)
    assert previous.read_bytes() == best.read_bytes()
    assert previous.with_suffix(".json").read_bytes() == best.with_suffix(".json").read_bytes()
    assert load_checkpoint(previous).step == load_checkpoint(best).step


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [None], {"a": [1]}, True])
@pytest.mark.parametrize("name", ["format", "architecture", "class_ids", "class_names", "step", "facts"])
def test_no_value_in_the_description_is_our_error(stored: Path, name: str, value: Any) -> None:
    """Whatever stands in the place of a value, the file is refused as damaged or it loads."""
    rewrite(stored, lambda record, tensors: record.__setitem__(name, value))
    try:
        load_checkpoint(stored)
    except UserError as error:
        found = error.code
    else:
        found = "loaded"
    assert found in {"NU-M02", "NU-M03", "loaded"}


def test_a_fault_of_the_program_is_no_damage(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function called in a way that it does not know says nothing of the file."""
    monkeypatch.setattr(checkpoint_module, "UNet", lambda: None)
    refused(stored, "NU-X01")
