"""Laws of cutting tiles on the device: what moves, moves together, and is what the plane holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawing import Drawing
from scipy import ndimage

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.augmentation import DEFAULT, MILD, NONE, STRONG, Augmentation, Motions, linear_maps
from napari_unet.dataset.sampler import Sampler, TilePlans
from napari_unet.images.image import Image
from napari_unet.images.tiled_plane import TilePlace
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.training.batch import Batches
from napari_unet.training.losses import weighted_cross_entropy
from napari_unet.training.page_pool import BLANK, PagePool
from napari_unet.training.source_places import source_places
from napari_unet.training.tile_reader import CutTiles, TileReader

CPU = Device("cpu", "", False)
HOST = torch.device("cpu")
MOVING = replace(
    STRONG, warp_probability=1.0, blur_probability=0.0, gamma_probability=0.0, contrast=0.0, brightness=0.0, noise=0.0
)
FAR = replace(MOVING, scale=4.0)
HEIGHT, WIDTH, TILE = 300, 530, 64
SETTINGS = Settings(preset="fast", tile=TILE, batch=6, border_weight=5.0, border_sigma=3.0)


@pytest.fixture
def drawing() -> Drawing:
    """Draw two planes of two channels over several pages, with thin strokes all over and along the rims."""
    random = np.random.default_rng(0)
    pixels = random.normal(size=(2, HEIGHT, WIDTH, 2)).astype(np.float32)
    noise = ndimage.gaussian_filter(random.normal(size=(2, 2, HEIGHT, WIDTH)), 4, axes=(2, 3))
    labels = (noise.argmax(axis=0) + 1).astype(np.uint8)
    unlabelled = np.ones(labels.shape, bool)
    unlabelled[:, ::37], unlabelled[:, :, ::41], unlabelled[:, :, -1], unlabelled[:, -3:] = False, False, False, False
    labels[unlabelled] = 0
    labels[1, :, :300] = 0  # whole pages of the second plane are blank
    return Drawing(Image("noise", pixels, "zyxc"), labels, settings=SETTINGS)


def reader_of(annotations: Annotations) -> TileReader:
    """Return a reader of both channels."""
    return TileReader(annotations, 2, 0, CPU)


def plans_of(annotations: Annotations, augmentation: Augmentation, seed: int, count: int = 8) -> TilePlans:
    """Return what a sampler draws."""
    return Sampler(annotations, TILE, np.random.default_rng(seed), augmentation).draw(count)


@pytest.mark.parametrize("augmentation", [NONE, MILD, MOVING, FAR])
@pytest.mark.parametrize("seed", range(4))
def test_tiles_are_what_the_planes_hold(annotations: Annotations, augmentation: Augmentation, seed: int) -> None:
    """SciPy's resampling of the whole plane gives the same pixels, labels and weights, mirrored beyond the rim."""
    plans = plans_of(annotations, augmentation, seed)
    tiles = reader_of(annotations).read(plans)
    places = source_places(plans.motions, TILE, HOST)
    compared, bordered = 0, False
    for tile, (key, pixel) in enumerate(zip(plans.keys, plans.pixels, strict=True)):
        plane, shown = annotations.planes[key], np.asarray(annotations.with_context(key, 0))
        at = [along[tile].numpy().astype(np.float64) + start for along, start in zip(places, pixel, strict=True)]
        for channel in range(2):
            expected = ndimage.map_coordinates(shown[:, :, channel], at, order=1, mode="reflect")
            np.testing.assert_allclose(tiles.pixels[tile, channel], expected, atol=2e-4)
        # Away from the middle between two pixels, where rounding decides.
        clear = np.all([abs(along - np.floor(along) - 0.5) > 1e-3 for along in at], axis=0)
        rows, columns = (np.floor(along + 0.5).astype(int) for along in at)
        inside = (rows >= 0) & (rows < HEIGHT) & (columns >= 0) & (columns < WIDTH)
        whole = np.s_[rows.clip(0, HEIGHT - 1), columns.clip(0, WIDTH - 1)]
        labels = plane.labels[:][whole] * inside
        np.testing.assert_array_equal(tiles.labels[tile].numpy()[clear], labels[clear])
        weights = plane.weights(Region(0, 0, HEIGHT, WIDTH))
        np.testing.assert_array_equal(tiles.weights[tile].numpy()[clear], (weights[whole] * inside)[clear])
        bordered |= bool(weights.max() > 1)
        compared += int((labels > 0).sum())
    assert bordered
    assert compared > 200


def test_the_labelled_pixel_is_hit_exactly(annotations: Annotations) -> None:
    """A stroke of a single pixel survives every map that is drawn around it."""
    plans = plans_of(annotations, FAR, 5, 60)
    tiles = reader_of(annotations).read(plans)
    for tile, (key, (y, x)) in enumerate(zip(plans.keys, plans.pixels, strict=True)):
        row, column = plans.motions.fixed[tile]
        shown = np.asarray(annotations.with_context(key, 0))[y, x]
        np.testing.assert_array_equal(tiles.pixels[tile, :, row, column].numpy(), shown)
        assert tiles.labels[tile, row, column] == annotations.planes[key].labels[:][y, x]
        assert tiles.weights[tile, row, column] > 0


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_symmetries_are_exact(annotations: Annotations, turns: int, mirrored: bool) -> None:
    """A map that only flips and turns gives, to the bit, what moving the pixels gives."""
    fixed, pixel, side = np.array([[16, 16]]), np.array([[150, 260]]), 33
    matrices = linear_maps(np.array([turns]), np.array([mirrored]), np.zeros(1), np.ones(1))
    motions = Motions(fixed, matrices, np.zeros((1, 2, 3, 3), np.float32))
    drawn = plans_of(annotations, NONE, 0, 1)
    tiles = reader_of(annotations).read(drawn._replace(side=side, keys=[(1, 0)], pixels=pixel, motions=motions))
    window = np.s_[150 - 16 : 150 + 17, 260 - 16 : 260 + 17]

    def moved(plane: np.ndarray) -> np.ndarray:
        turned = np.rot90(plane, turns)
        return turned[:, ::-1] if mirrored else turned

    plane = annotations.planes[1, 0]
    np.testing.assert_array_equal(tiles.labels[0].numpy(), moved(plane.labels[window]))
    for channel in range(2):
        shown = np.asarray(annotations.with_context((1, 0), 0))[window][:, :, channel]
        np.testing.assert_array_equal(tiles.pixels[0, channel].numpy(), moved(shown))


def test_unlabelled_pixels_get_no_gradient(annotations: Annotations) -> None:
    """After the strongest augmentation too, the loss does not feel what the network says about them."""
    tiles = reader_of(annotations).read(plans_of(annotations, STRONG, 3, 20))
    logits = torch.zeros(20, 3, TILE, TILE, requires_grad=True)
    weighted_cross_entropy(logits, tiles.labels, tiles.weights).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad.abs().sum(dim=1) > 0, tiles.weights > 0)
    assert not tiles.weights[tiles.labels == 0].any()


def test_a_plane_smaller_than_a_tile_is_mirrored_again_and_again(tmp_path: Path) -> None:
    """As SciPy does it; nothing is labelled outside of it."""
    pixels = np.random.default_rng(0).normal(size=(9, 14)).astype(np.float32)
    labels = np.ones((9, 14), np.uint8)
    with Drawing(Image("tiny", pixels, "yx"), labels, settings=SETTINGS).open_in(tmp_path) as project:
        annotations = Annotations(project)
        annotations.refresh(SETTINGS)
        shown = np.asarray(annotations.with_context((1, 0), 0))[:, :, 0]
        plans = plans_of(annotations, NONE, 0)
        tiles = TileReader(annotations, 1, 0, CPU).read(plans)
    for tile, (y, x) in enumerate(plans.pixels):
        row, column = plans.motions.fixed[tile]
        at = np.mgrid[:TILE, :TILE] + np.array([y - row, x - column])[:, None, None]
        expected = ndimage.map_coordinates(shown, at, order=1, mode="reflect")
        np.testing.assert_allclose(tiles.pixels[tile, 0], expected, atol=1e-6)
        inside = (at >= 0).all(axis=0) & (at[0] < 9) & (at[1] < 14)
        np.testing.assert_array_equal(tiles.labels[tile].numpy() > 0, inside)


def same(one: CutTiles, two: CutTiles) -> bool:
    """Tell whether all parts are equal."""
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_new_strokes_and_corrected_images_are_read_anew(annotations: Annotations) -> None:
    """A reader that has the pages of a plane sees what is painted later, and pixels of an image that was reopened."""
    reader, plans = reader_of(annotations), plans_of(annotations, NONE, 0)
    before = reader.read(plans)
    project = annotations.project
    labels = project.strokes.plane(1, 0)
    labels[:] = 2
    project.commit(1, 0, labels)
    annotations.refresh(SETTINGS)
    after = reader.read(plans)
    assert not torch.equal(before.labels, after.labels)
    assert same(after, reader_of(annotations).read(plans))
    annotations.reopen(1)
    annotations.pixels(1)[0][:] = 0.25
    annotations.pixels(1)[1][:] = 0.25
    assert (reader.read(plans).pixels == 0.25).all()
    reader.let_go()
    assert same(reader.read(plans), reader_of(annotations).read(plans))


def test_strokes_of_axes_before_are_not_learned(annotations: Annotations) -> None:
    """Strokes were undone and the axes corrected; what is painted then is learned, and nothing of what was there."""
    reader, project = reader_of(annotations), annotations.project
    reader.read(plans_of(annotations, NONE, 0))
    for plane in range(2):
        project.commit(1, plane, np.zeros((HEIGHT, WIDTH), np.uint8))
    project.images.set_axes(1, "tyxc")
    annotations.reopen(1)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[20:40, 20:40], labels[60:80, 20:40] = 1, 2
    for plane in range(2):
        project.commit(1, plane, labels)
    annotations.refresh(SETTINGS)
    plans = plans_of(annotations, NONE, 0)
    assert same(reader.read(plans), reader_of(annotations).read(plans))


# Pages


def test_a_full_pool_drops_what_was_used_longest_ago() -> None:
    """Pages are read once while there is room; one step may take more than there is room for."""
    read: list[int] = []

    def page(key: tuple[int, int], place: TilePlace) -> np.ndarray:
        read.append(key[0])
        return np.full((256, 200, 1), key[0], np.float32)  # cut at the rim

    pool = PagePool(HOST, 1, 0, page)  # room for the first 15 pages and the blank one

    def values(*images: int) -> list[float]:
        keys = [((image, 0), TilePlace(0, 0)) for image in images]
        numbers = pool.numbers(keys)
        assert BLANK not in numbers.values()
        return [float(pool.pixels[numbers[key] * 65536 + 5, 0]) for key in keys]

    assert values(*range(1, 16)) == list(range(1, 16))
    assert values(1, 2) == [1, 2]
    assert read == list(range(1, 16))
    assert values(16) == [16]  # 3 goes, since 1 and 2 were used after it
    assert values(1, 2, 4) == [1, 2, 4]
    assert read == list(range(1, 17))
    assert values(3) == [3]
    assert read[-1] == 3
    assert values(*range(1, 41)) == list(range(1, 41))  # more than there is room for
    pool.drop({(7, 0)})
    assert values(7, 8) == [7, 8]
    assert read[-1] == 7
    assert not pool.pixels[:65536].any()


# Batches


@pytest.mark.parametrize("margin", [False, True])
def test_a_batch_has_the_outputs_and_weights_of_its_tiles(annotations: Annotations, margin: bool) -> None:
    """Targets follow the order of the classes, weights add up to the same for each; the rim is cut off."""
    from napari_unet.network.presets import preset_named

    architecture = preset_named("skip-crop" if margin else "fast").architecture_for(2, 2)
    settings = Settings(preset="skip-crop" if margin else "fast", tile=100 if margin else 64, batch=40, border_weight=0)
    batches = Batches(annotations, architecture, settings, CPU, np.random.default_rng(0))
    batch = batches.draw(settings, (2, 1))
    side = architecture.input_side(settings.tile)
    assert batch.pixels.shape == (40, 2, side, side)
    assert batch.target.shape == batch.loss_weights.shape == (40, *[side - 2 * architecture.margin] * 2)
    assert set(batch.target.unique().tolist()) == {0, 1}
    totals = [float(batch.loss_weights[batch.target == k].sum()) for k in (0, 1)]
    assert max(totals) < 2 * min(totals)
    masked = batches.draw(replace_share(settings, 0.1), (2, 1))
    assert 0.05 < (masked.loss_weights > 0).sum() / (batch.loss_weights > 0).sum() < 0.2


def replace_share(settings: Settings, share: float) -> Settings:
    """Return settings with another share of pixels that a step learns from."""
    import msgspec

    return msgspec.structs.replace(settings, pixel_share=share)


@pytest.mark.parametrize("augmentation", [DEFAULT, STRONG])
def test_the_generator_is_the_only_chance(annotations: Annotations, augmentation: Augmentation) -> None:
    """From the same state of the generator come the same batches, bit for bit."""
    from napari_unet.network.presets import preset_named

    architecture = preset_named("fast").architecture_for(2, 2)

    def drawn() -> list[torch.Tensor]:
        random = np.random.default_rng(7)
        batches = Batches(annotations, architecture, SETTINGS, CPU, random)
        batches.sampler = Sampler(annotations, TILE, random, augmentation)
        return [part for _ in range(5) for part in batches.draw(SETTINGS, (1, 2))]

    assert all(torch.equal(one, two) for one, two in zip(drawn(), drawn(), strict=True))
