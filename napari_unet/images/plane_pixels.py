"""The type of a plane that a network reads: in memory, in its file, with context planes, halved, or not normalised."""

import numpy as np
from jaxtyping import Float32

from napari_unet.images.halved_plane import HalvedPlane
from napari_unet.images.lazy_plane import LazyPlane
from napari_unet.images.plane_stack import PlaneStack
from napari_unet.images.raw_plane import RawPlane

PlanePixels = Float32[np.ndarray, "y x c"] | LazyPlane | PlaneStack | HalvedPlane | RawPlane
