"""Images that no microscope took: random shapes of several classes, rendered with random texture, relief and noise.

Their variety is the point. A network that can tell the classes of such images apart from a few strokes has learned to
compare textures, edges and sizes, not to find nuclei.
"""

import numpy as np
from scipy import ndimage

from scripts.base.fields import smooth, texture
from scripts.base.layouts import layout
from scripts.base.picture import Picture

_COLOURED = 0.4  # share of the images
_ALIKE = 0.35  # share of the images whose classes differ by texture or edge alone


def drawn_picture(random: np.random.Generator, side: int) -> Picture:
    """Draw one normalised image."""
    return Picture.of(*draw(random, side))


def draw(random: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one image.

    Returns
    -------
    pixels : float32 (side, side, 1 or 3), unscaled
    labels : uint8 (side, side), class index 0..
    """
    labels = layout(random, side)
    return render(labels, random), labels


def render(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Render class indices (side, side) as pixels, float32 (side, side, 1 or 3).

    Every class gets a brightness, a colour and a texture; then come the optics: relief, halo, shading, blur, noise.
    """
    side = labels.shape[0]
    image = _brightness(labels, random) + _textures(labels, random)
    image = image + _optics(labels, random)
    image = ndimage.gaussian_filter(image, random.uniform(0, 1.6))
    if random.random() < 0.5:
        image = image + random.uniform(-0.4, 0.4) * smooth(random, side, side / random.uniform(2, 6))
    tint = _tint(labels, random) if random.random() < _COLOURED else np.ones((side, side, 1))
    noise = random.uniform(0, 0.12) * random.standard_normal(tint.shape)
    return np.asarray(image[..., None] * tint + noise, np.float32)


def _brightness(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw one grey value per class, as an image (side, side)."""
    classes = int(labels.max()) + 1
    brightness = random.uniform(0, 1, classes)
    if random.random() < _ALIKE:
        brightness[:] = brightness.mean() + random.normal(0, 0.04, classes)
    return np.asarray(brightness[labels])


def _textures(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw one texture per class, as an image (side, side)."""
    classes, side = int(labels.max()) + 1, labels.shape[0]
    fields = [texture(random, side) * random.uniform(0, 0.25) for _ in range(classes)]
    return np.asarray(np.choose(labels, fields))


def _tint(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw one colour per class, as an image (side, side, 3)."""
    colours = random.uniform(0.3, 1, (int(labels.max()) + 1, 3))
    return np.stack([ndimage.gaussian_filter(colours[labels, channel], 1) for channel in range(3)], -1)


def _optics(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw what contrast methods add at edges (side, side): relief (DIC), halo (phase contrast), rim, or nothing."""
    steps = random.uniform(-1, 1, int(labels.max()) + 1)[labels]
    kind = random.random()
    if kind < 0.25:
        angle = random.uniform(0, 2 * np.pi)
        rows, columns = np.gradient(ndimage.gaussian_filter(steps, random.uniform(0.8, 2.5)))
        return np.asarray(random.uniform(0.5, 2.5) * (rows * np.sin(angle) + columns * np.cos(angle)))
    if kind < 0.5:
        near, far = random.uniform(0.7, 2), random.uniform(3, 8)
        strength = random.uniform(0.3, 1)
        return np.asarray(strength * (ndimage.gaussian_filter(steps, near) - ndimage.gaussian_filter(steps, far)))
    if kind < 0.65:
        edges = np.hypot(*np.gradient(ndimage.gaussian_filter(steps, random.uniform(0.7, 1.5))))
        return np.asarray(random.uniform(-2, 2) * edges)
    return np.zeros(labels.shape)
