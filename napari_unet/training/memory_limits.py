"""Memory limits: upper bounds that are lowered one after the other when the memory is not enough."""

from dataclasses import dataclass, replace

import msgspec

from napari_unet.config import Settings
from napari_unet.network.device import Device, without_graphics

_SMALLEST_TILE = 64  # px


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Upper bounds on the settings that take memory, and the device to use within them."""

    device: Device
    batch: int = 2**31
    tile: int = 2**31
    prediction_tile: int = 2**31

    def applied(self, settings: Settings) -> Settings:
        """Return the user's settings within the limits."""
        return msgspec.structs.replace(
            settings,
            batch=min(settings.batch, self.batch),
            tile=min(settings.tile, self.tile),
            prediction_tile=min(settings.prediction_tile, self.prediction_tile),
        )

    def tighter(self, settings: Settings) -> tuple["MemoryLimits", str] | None:
        """Return the next step down (batch, tiles, precision, device) and its name; None when nothing is left."""
        now = self.applied(settings)
        if now.batch > 1:
            return replace(self, batch=now.batch // 2), f"{now.batch // 2} tiles per step instead of {now.batch}"
        if max(now.tile, now.prediction_tile) > _SMALLEST_TILE:
            tile, prediction_tile = _half(now.tile), _half(now.prediction_tile)
            words = f"tiles of {tile} px for training and {prediction_tile} px for predicting"
            return replace(self, tile=tile, prediction_tile=prediction_tile), words
        if self.device.kind == "cuda" and not self.device.bfloat16 and self.device.precision == "auto":
            return replace(self, device=replace(self.device, bfloat16=True)), "numbers of half the size"
        if self.device.kind != "cpu":
            return replace(self, device=without_graphics(self.device)), "the CPU"
        return None


def _half(tile: int) -> int:
    return max(_SMALLEST_TILE, tile // 2 // 16 * 16)
