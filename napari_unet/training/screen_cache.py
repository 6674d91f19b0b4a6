"""The feature cache of the image on screen, filled before there is a stroke, so that the first one is answered soon."""

from collections.abc import Sequence

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.images.halved_plane import HalvedPlane
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.feature_cache import CachedPlane, FeatureCache
from napari_unet.network.inference import Predictor
from napari_unet.training.starting import Start, starting_network


class ScreenCache:
    """Fills a feature cache with what base weights compute from the tiles on screen.

    Parameters
    ----------
    start : its base weights; without them nothing is cached

    Attributes
    ----------
    features : the feature cache; None while nothing is cached
    """

    def __init__(self, annotations: Annotations, start: Start) -> None:
        self.features: FeatureCache | None = None
        self._annotations = annotations
        self._start = start

    def fill(self, tiles: Sequence[tuple[CachedPlane, Region]], settings: Settings, device: Device) -> bool:
        """Cache the features of one of these tiles; False when none is left or there are no base weights.

        All tiles are of one image, the most wanted first; those that there is room for are kept, all others dropped.
        """
        base = self._start.base_for(settings)
        if not (tiles and base is not None and base.architecture.head == "experts"):
            return False
        channels = self._annotations.pixels(tiles[0][0].image_id).image.channels
        if self.features is None or self.features.architecture.image_channels != channels:
            network = starting_network(channels, (1, 2), settings, self._start).eval()
            self.features = FeatureCache(network.to(device.torch_device), device)
        tile = self.features.keep(tiles)
        if tile is None:
            return False
        where, region = tile
        context_planes = self.features.architecture.context_planes
        plane = self._annotations.with_context((where.image_id, where.plane), context_planes)
        self.features.add(where, HalvedPlane(plane) if where.halved else plane, region)
        return True

    def has(self, where: CachedPlane, region: Region) -> bool:
        """Tell whether predicting a tile costs next to nothing."""
        return self.features is not None and self.features.has(where, region)

    def attach(self, predictor: Predictor, where: CachedPlane) -> None:
        """Let a predictor that is used for one plane only take logits from the cache."""
        features = self.features
        if features is not None:
            predictor.cached_branches = lambda region: features.branches(predictor.network, where, region)

    def drop(self) -> None:
        """Give the memory back; the next ``fill`` begins anew."""
        self.features = None
