"""Classes that nobody drew: regions of real images that are alike in brightness, colour or texture.

They keep simple tasks simple: what a biologist wants is often no more than the bright pixels, or the rough ones.
"""

import numpy as np
from scipy import ndimage
from scipy.cluster.vq import ClusterError, kmeans2
from skimage.segmentation import slic

_SUPERPIXELS = 0.5  # share of the tasks whose regions are superpixels, the others being clusters of intensity
_MOST_CLASSES = 4
_SAMPLE = 2000  # pixels or regions that clusters are found in
_ITERATIONS = 10
_MOST_ROUGHNESS = 6.0  # weight of the deviation within a region beside its mean


def region_classes(tiles: np.ndarray, random: np.random.Generator) -> np.ndarray | None:
    """Divide the pixels of tiles (n, c, y, x) into two to four classes, the same ones in every tile.

    Returns
    -------
    uint8 (n, y, x), or None where the tiles have too little in them to be divided
    """
    draw = superpixel_features if random.random() < _SUPERPIXELS else intensity_features
    features, region = draw(tiles, random)
    count = int(random.integers(2, _MOST_CLASSES + 1))
    classes = cluster(features, count, random)
    return None if classes is None else classes[region].astype(np.uint8)


def intensity_features(tiles: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Blur tiles (n, c, y, x); return intensities (regions, c), every pixel being a region, and regions (n, y, x)."""
    sigma = random.uniform(0.7, 4)
    blurred = ndimage.gaussian_filter(tiles, (0, 0, sigma, sigma))
    region = np.arange(blurred[:, 0].size).reshape(blurred[:, 0].shape)
    return np.moveaxis(blurred, 1, -1).reshape(region.size, -1), region


def superpixel_features(tiles: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Divide tiles (n, c, y, x) into superpixels.

    Returns
    -------
    features : (regions, c + 1), mean of every channel and the deviation of the grey value within the region, which
        counts for nothing in some tasks and for more than the mean in others
    region : (n, y, x), index of the region
    """
    segments, compactness = int(random.integers(15, 150)), 10 ** random.uniform(-2, 0)
    found = []
    for tile in tiles:
        smooth = np.moveaxis(ndimage.gaussian_filter(tile, (0, 1, 1)), 0, -1)
        found.append(slic(smooth, segments, compactness, 5, start_label=0, convert2lab=False, channel_axis=-1))
    counts = np.cumsum([0, *(each.max() + 1 for each in found)])
    region = np.stack([each + before for each, before in zip(found, counts[:-1], strict=True)])
    regions, grey = np.arange(counts[-1]), tiles.mean(1)
    means = [ndimage.mean(tiles[:, channel], region, regions) for channel in range(tiles.shape[1])]
    roughness = random.uniform(0, _MOST_ROUGHNESS) * ndimage.standard_deviation(grey, region, regions)
    return np.stack([*means, roughness], -1), region


def cluster(features: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray | None:
    """Sort rows (n, f) into classes 0 to ``count`` - 1 by k-means; None where a class would be empty."""
    if len(features) < count:
        return None
    sample = features[random.choice(len(features), min(len(features), _SAMPLE), replace=False)].astype(float)
    try:
        centres, _ = kmeans2(sample, sample[:count], _ITERATIONS, minit="matrix", missing="raise")
    except ClusterError:
        return None
    distances = np.stack([((features - centre) ** 2).sum(1) for centre in centres], -1)
    return np.asarray(distances.argmin(1))
