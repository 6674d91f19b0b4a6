"""Choose what the settings leave to the device: the network, and from how many tiles of which size a step learns."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from napari_unet.config import AUTO, BY_DEVICE, PresetName, Settings
from napari_unet.network.device import Device
from napari_unet.network.presets import preset_named
from napari_unet.network.unet import Architecture
from napari_unet.project.stored_settings import StoredSettings
from napari_unet.training.memory_limits import MemoryLimits

FACT = "trained_with"
BEGAN_WITH = "began_with"
_PRESET = "preset"
_BASED: tuple[PresetName, ...] = ("fast", "accurate")  # those that "auto" chooses from


@dataclass(frozen=True, slots=True)
class _Suited:
    """The settings that suit a kind of device."""

    preset: PresetName
    tile: int
    batch: int
    reason: str


# A step of 32 tiles takes an H100 three times as long as one of 4, a processor eight times as long.
_SUITED = {
    "cpu": _Suited("fast", tile=128, batch=4, reason="there is no GPU to use"),
    "cuda": _Suited("accurate", tile=128, batch=16, reason="there is a GPU"),
    "mps": _Suited("accurate", tile=128, batch=4, reason="there is a GPU"),
}


class DeviceSettings:
    """The settings that a project is learned with: nothing in them is left open, and they keep to the memory.

    Parameters
    ----------
    stored : of the project
    device : where it is learned
    trained : the newest network of the project; None before it has one

    Attributes
    ----------
    trained : the newest network; to be set when a training begins
    reason : why it is this network, for people, to follow on "because"
    limits : upper bounds on what takes memory, and the device to use within them
    """

    def __init__(self, stored: StoredSettings, device: Device, trained: Architecture | None) -> None:
        self.trained = trained
        self.limits = MemoryLimits(device)
        self.reason = ""
        self._stored = stored
        self._device = device  # the choice stays where memory makes another one necessary

    def read(self) -> Settings:
        """Read the project's settings and choose what they leave open."""
        return self.limits.applied(self._chosen())

    def tighten(self, steps: int = 1) -> str:
        """Ask for less memory from now on; return what is smaller now, "" when nothing is left to be saved."""
        words = ""
        for _ in range(steps):
            found = self.limits.tighter(self._chosen())
            if found is None:
                break
            self.limits, words = found
        return words

    def _chosen(self) -> Settings:
        settings, self.reason = for_device(self._stored.read(), self._device, self.trained)
        return settings


def for_device(settings: Settings, device: Device, trained: Architecture | None = None) -> tuple[Settings, str]:
    """Choose what the settings leave open; return them without "auto" or 0, and why they have their network.

    A project whose network is one of those that "auto" chooses from goes on with it on every device.

    Parameters
    ----------
    trained : the newest network of the project; None before there is one
    """
    suited = _SUITED[device.kind]
    preset, reason = settings.preset, "the settings say so"
    if preset == AUTO:
        own, preset, reason = _preset_of(trained), suited.preset, suited.reason
        if own and own != preset:
            preset, reason = own, "the project has it already"
    closed = msgspec.structs.replace(
        settings,
        preset=preset,
        tile=suited.tile if settings.tile == BY_DEVICE else settings.tile,
        batch=suited.batch if settings.batch == BY_DEVICE else settings.batch,
    )
    return closed, reason


def as_fact(settings: Settings, device: Device, began_with: str) -> dict[str, Any]:
    """Return what a network was trained with for the facts of its checkpoint; nothing is left open in the settings.

    Parameters
    ----------
    began_with : base weights, random weights or another network; "" where nobody knows
    """
    chosen = {_PRESET: settings.preset, "tile": settings.tile, "batch": settings.batch, "device": device.kind}
    return {FACT: chosen | ({BEGAN_WITH: began_with} if began_with else {})}


def beginning_of(facts: dict[str, Any]) -> str:
    """Return what a checkpoint says that its network began with; "" where it says nothing of use."""
    return _told(facts, BEGAN_WITH)


def trained_preset(facts: dict[str, Any]) -> str:
    """Return the preset that a checkpoint says its network was trained with; "" where it says nothing of use."""
    return _told(facts, _PRESET)


def known_fact(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what a checkpoint says that its network was trained with; {} where it says nothing of use."""
    return {FACT: facts[FACT]} if isinstance(facts.get(FACT), dict) else {}


def _told(facts: dict[str, Any], name: str) -> str:
    """Return one thing that a checkpoint says of how its network was trained; "" where it says nothing of use."""
    found = known_fact(facts).get(FACT, {}).get(name)
    return found if isinstance(found, str) else ""


def _preset_of(trained: Architecture | None) -> PresetName | None:
    """Return which of the networks that start from base weights this is, begun from them or from scratch."""
    if trained is None:
        return None
    for name in _BASED:
        scratch = preset_named(name).architecture
        based = replace(scratch, norm="none", head="experts")
        own = replace(trained, channels=scratch.channels, classes=scratch.classes, context_planes=0)
        if own in {scratch, based}:
            return name
    return None
