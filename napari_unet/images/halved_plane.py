"""A plane at half its resolution, for a quick look at what is shown small."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from napari_unet.images.lazy_plane import LazyPlane
from napari_unet.images.plane_stack import PlaneStack


@dataclass(frozen=True, slots=True)
class HalvedPlane:
    """Show a plane at half its resolution: each pixel is the mean of four; a last odd row or column counts twice."""

    whole: Float32[np.ndarray, "y x c"] | LazyPlane | PlaneStack

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return height, width and number of channels."""
        height, width, channels = self.whole.shape
        return -(-height // 2), -(-width // 2), channels

    def __getitem__(self, region: tuple[slice, slice]) -> Float32[np.ndarray, "h w c"]:
        """Read the pixels of these rows and columns, and no more of the whole plane than they need."""
        rows, columns = (slice(2 * along.start, 2 * along.stop) for along in region)
        part = self.whole[rows, columns]
        odd = [(0, length % 2) for length in part.shape[:2]]
        part = np.pad(part, [*odd, (0, 0)], mode="edge")
        return (part[::2, ::2] + part[1::2, ::2] + part[::2, 1::2] + part[1::2, 1::2]) / 4
