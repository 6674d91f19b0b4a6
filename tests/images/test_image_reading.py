"""Laws of opening image files and labels."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from image_files import GREY, RANDOM, RGB, RGBA, STACK, all_planes, refused, write_ngff, write_zarr
from PIL import Image as Picture

from napari_unet.errors import UserError
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.labels import read_labels
from napari_unet.images.reading import open_image
from napari_unet.packaging.mask_scores import score_files

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = (
    "axon-myelin-sem bbbc039-u2os dsb2018-stage1 ecoli-brightfield emps-particles"
    " nucleolus-fluo plantseg-3d usiigaci-phc vnc-em"
).split()


TIFF_FLAVOURS: list[tuple[np.ndarray, dict[str, Any]]] = [
    (GREY, {}),
    (GREY, {"byteorder": ">"}),
    (GREY.astype(np.float32) / 7, {"byteorder": ">"}),
    (GREY, {"compression": "lzw", "predictor": True, "rowsperstrip": 5}),
    (GREY, {"compression": "lzw", "byteorder": ">", "predictor": True}),
    (GREY, {"compression": "zlib", "tile": (16, 16)}),
    (GREY.astype(np.float32) / 7, {"compression": "zlib", "predictor": True}),
    (GREY, {"compression": "zstd"}),
    (GREY, {"bigtiff": True}),
    (GREY > 30000, {}),
    (GREY.astype(np.int16), {}),
    (GREY.astype(np.float64) / 7, {}),
    (GREY[:1], {}),
    (GREY[:, :1], {}),
]


@pytest.mark.parametrize(("pixels", "options"), TIFF_FLAVOURS)
def test_tiff_flavours_read_every_pixel(tmp_path: Path, pixels: np.ndarray, options: dict[str, Any]) -> None:
    """Byte order, compression, predictor, tiling and type never change a pixel."""
    path = tmp_path / "image[1].tif"
    tifffile.imwrite(path, pixels, **options)
    image = open_image(path)
    assert image.axes == "yx"
    read = image.read(0)
    assert read.dtype.isnative
    np.testing.assert_array_equal(read[..., 0], pixels)


def test_float_with_nan_is_read_as_it_is(tmp_path: Path) -> None:
    """NaN and infinities come out of the file where they went in."""
    pixels = GREY.astype(np.float32)
    pixels[3, 4], pixels[5, 6] = np.nan, np.inf
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    np.testing.assert_array_equal(open_image(tmp_path / "a.tif").read(0)[..., 0], pixels)


def test_lossy_jpeg_tiff_reads_like_tifffile(tmp_path: Path) -> None:
    """A JPEG-compressed RGB TIFF has the pixels that tifffile decodes."""
    path = tmp_path / "a.tif"
    smooth = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (64, 48, 3))
    tifffile.imwrite(path, smooth, compression="jpeg", photometric="rgb")
    np.testing.assert_array_equal(open_image(path).read(0), tifffile.imread(path))


def test_imagej_hyperstack_keeps_its_axes(tmp_path: Path) -> None:
    """Time, z and channel of an ImageJ hyperstack become two plane axes and c; its unit is kept."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "TZCYX", "unit": "micron"}, resolution=(2, 4))
    image = open_image(path)
    assert (image.axes, image.plane_axes, image.plane_shape, image.channels) == ("tzcyx", "tz", (2, 3), 2)
    assert image.pixel_size == PixelSize(0.25, 0.5, "um")
    np.testing.assert_array_equal(all_planes(image), STACK.reshape(6, 2, 17, 13).transpose(0, 2, 3, 1))


@pytest.mark.parametrize(("unit", "factor"), [("µm", "um"), ("nm", "nm")])
def test_ome_tiff_keeps_pixel_size_and_axes(tmp_path: Path, unit: str, factor: str) -> None:
    """OME-XML gives axes and the size of a pixel with its unit."""
    path = tmp_path / "a.ome.tif"
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": unit, "PhysicalSizeY": 0.25, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(path, STACK[:, 0], metadata={"axes": "TCYX", **size}, compression="zlib")
    image = open_image(path)
    assert image.axes == "tcyx"
    assert image.pixel_size == PixelSize(0.25, 0.5, factor)
    np.testing.assert_array_equal(all_planes(image), STACK[:, 0].transpose(0, 2, 3, 1))


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [
        ((20000, 10000), 3, PixelSize(1.0, 0.5, "um")),
        ((25400, 25400), 2, PixelSize(1.0, 1.0, "um")),
        ((72, 72), 2, PixelSize()),
        ((1, 1), 1, PixelSize()),
    ],
)
def test_resolution_tags_give_pixel_size(
    tmp_path: Path, resolution: tuple[int, int], unit: int, size: PixelSize
) -> None:
    """Pixels per centimetre or inch are a pixel size, a printing resolution is none."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, resolution=resolution, resolutionunit=unit, metadata=None)
    image = open_image(path)
    assert (image.pixel_size.y, image.pixel_size.x) == pytest.approx((size.y, size.x))
    assert image.pixel_size.unit == size.unit


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("pixels", [RGB, RGBA])
def test_rgb_tiff_drops_only_alpha(tmp_path: Path, pixels: np.ndarray, planar: str) -> None:
    """RGB(A) TIFFs have three channels in order, interleaved or planar, and know of their alpha."""
    path = tmp_path / "a.tif"
    stored = pixels if planar == "contig" else pixels.transpose(2, 0, 1)
    extra = {"extrasamples": ["unassalpha"]} if pixels.shape[2] == 4 else {}
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, **extra)
    image = open_image(path)
    assert image.alpha == (pixels.shape[2] == 4)
    np.testing.assert_array_equal(image.read(0), pixels[..., :3])


def test_singletons_are_squeezed_and_axes_override(tmp_path: Path) -> None:
    """Axes of length 1 vanish; given axes win, with or without them."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[:1, :, :1], imagej=True, metadata={"axes": "TZCYX"})
    assert open_image(path).axes == "zyx"
    assert open_image(path, "cyx").channels == 3
    np.testing.assert_array_equal(open_image(path, "cyx").read(0), STACK[0, :, 0].transpose(1, 2, 0))
    np.save(tmp_path / "a.npy", STACK[:1, :, 0])
    assert open_image(tmp_path / "a.npy", "tcyx").axes == "cyx"
    kept = open_image(tmp_path / "a.npy", "tcyx", keep_named=True)
    assert (kept.axes, kept.plane_shape, kept.channels) == ("tcyx", (1,), 3)
    assert open_image(tmp_path / "a.npy", "cyx", keep_named=True).axes == "cyx"
    assert refused(path, "yx") == "NU-I01"
    assert refused(path, "yyx") == "NU-I01"


@pytest.mark.parametrize(
    "pixels", [GREY, RGB, RGBA, RGB.astype(np.uint16) * 257, RGBA[..., :2], RGBA[..., 0]], ids=lambda p: str(p.shape)
)
def test_png_reads_every_pixel(tmp_path: Path, pixels: np.ndarray) -> None:
    """8 and 16 bit, grey and colour PNG files keep all bits; alpha is known and not handed out."""
    path = tmp_path / "wrong suffix.tif"
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    image = open_image(path)
    colours = pixels if pixels.ndim == 3 else pixels[..., None]
    assert image.alpha == (colours.shape[2] in (2, 4))
    np.testing.assert_array_equal(image.read(0), colours[..., : {2: 1, 4: 3}.get(colours.shape[2])])


def test_palette_png_is_colours_as_image_and_numbers_as_labels(tmp_path: Path) -> None:
    """A palette PNG is expanded for the image and left as indices for labels."""
    path = tmp_path / "a.png"
    indices = RANDOM.integers(0, 4, (9, 11), dtype=np.uint8)
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 200, 0], [9, 9, 255]], np.uint8)
    picture = Picture.fromarray(indices, mode=None).convert("L")
    picture.putpalette(palette.tobytes())
    picture.save(path)
    np.testing.assert_array_equal(open_image(path).read(0), palette[indices])
    np.testing.assert_array_equal(read_labels(path, Image("grey", indices, "yx"))[0], indices)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_grey_labels_may_have_an_alpha_channel_that_hides_nothing(tmp_path: Path, ending: str) -> None:
    """Programs for drawing save masks so; where it hides a pixel it is not known what the number below means."""
    path = tmp_path / f"a.{ending}"
    mask, opaque = RANDOM.choice(np.array([0, 255], np.uint8), (9, 11)), np.full((9, 11), 255, np.uint8)
    image = Image("grey", mask, "yx")
    Picture.fromarray(np.dstack([mask, opaque])).save(path)
    np.testing.assert_array_equal(read_labels(path, image, "mask")[0], 1 + (mask > 0))
    assert score_files(path, path)["mean_dice"] == 1
    Picture.fromarray(np.dstack([mask, mask])).save(path)
    with pytest.raises(UserError, match=r"^NU-A05: "):
        read_labels(path, image, "mask")


def test_jpeg_reads_like_pillow(tmp_path: Path) -> None:
    """A JPEG has its height, width and decoded pixels."""
    path = tmp_path / "a.jpg"
    Picture.fromarray(RGB).save(path)
    image = open_image(path)
    assert (image.height, image.width, image.channels) == (37, 29, 3)
    np.testing.assert_array_equal(image.read(0), np.asarray(Picture.open(path)))
    Picture.fromarray(RGB).convert("CMYK").save(path)
    assert open_image(path).channels == 3
    Picture.fromarray(RGB[..., 0]).save(path)
    assert open_image(path).axes == "yx"


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    """The picture stands as a photo viewer shows it."""
    from PIL import ImageOps

    path = tmp_path / f"a.{suffix}"
    exif = Picture.Exif()
    exif[0x0112] = orientation
    Picture.fromarray(RGB).save(path, exif=exif)
    with Picture.open(path) as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(open_image(path).read(0), upright)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    "pixels", [GREY, GREY.astype(np.float32), STACK[0, :, 0], GREY > 9], ids=lambda p: str(p.dtype)
)
def test_plain_zarr_reads_every_pixel(tmp_path: Path, pixels: np.ndarray, zarr_format: int) -> None:
    """Arrays of Zarr 2 and 3 are read whole; without names the last axes are y, x."""
    write_zarr(tmp_path / "a.zarr", pixels, zarr_format)
    image = open_image(tmp_path / "a.zarr")
    assert image.axes == ("zyx" if pixels.ndim == 3 else "yx")
    np.testing.assert_array_equal(all_planes(image)[..., 0].reshape(pixels.shape), pixels)


def test_sharded_zarr_with_names_reads_every_pixel(tmp_path: Path) -> None:
    """Shards are an allowed codec, and named dimensions are axes."""
    pixels = STACK[:, 0, :, :16, :8]
    write_zarr(tmp_path / "a.zarr", pixels, 3, shards=(1, 1, 16, 8), dimension_names=["time", "channel", "y", "x"])
    image = open_image(tmp_path / "a.zarr")
    assert image.axes == "tcyx"
    np.testing.assert_array_equal(all_planes(image), pixels.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_reads_full_resolution_with_its_scale(tmp_path: Path, version: str) -> None:
    """Level 0 of an OME-Zarr comes with its axes and the product of its scales, which may be integers."""
    pixels = STACK.transpose(0, 2, 1, 3, 4)
    for name, scale, expected in (("a", [1, 1, 3, 0.25, 0.5], (0.5, 1.0)), ("whole", [1, 1, 3, 2, 5], (4.0, 10.0))):
        write_ngff(tmp_path / f"{name}.zarr", pixels, version, scale=scale)
        assert open_image(tmp_path / f"{name}.zarr").pixel_size == PixelSize(*expected, "um", z=6.0)
    write_ngff(tmp_path / "alone.zarr", pixels, version, scale=[1, 1, 3, 2, 5], further=[])
    assert open_image(tmp_path / "alone.zarr").pixel_size == PixelSize(2.0, 5.0, "um", z=3.0)
    image = open_image(tmp_path / "a.zarr")
    assert image.axes == "tczyx"
    np.testing.assert_array_equal(all_planes(image), STACK.transpose(0, 1, 3, 4, 2).reshape(6, 17, 13, 2))


def test_files_are_read_lazily_and_left_closed(tmp_path: Path) -> None:
    """Opening decodes no more than the first chunk, and the file may be moved away afterwards."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, compression="zlib", metadata={"axes": "TZCYX"})
    image = open_image(path)
    assert not isinstance(image.pixels, np.ndarray)
    image.read(3, slice(2, 5), slice(1, 9))
    path.rename(tmp_path / "b.tif")
    with pytest.raises(UserError, match="NU-I10"):
        image.read(0)
    tifffile.imwrite(path, GREY)
    with pytest.raises(UserError, match="NU-I15"):
        image.read(0)


def save_labels(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.uint64, bool])
def test_labels_are_read_as_bytes(tmp_path: Path, dtype: type) -> None:
    """Any type that holds whole numbers 0..255 gives the same labels."""
    values = (GREY % 2 if dtype is bool else GREY % 256).astype(dtype)
    labels = read_labels(save_labels(tmp_path / "a.npy", values), Image("grey", GREY, "yx"))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, values[None])


def test_labels_of_stacks_are_flattened_like_planes(tmp_path: Path) -> None:
    """Plane p of the labels belongs to plane p of the image, channels not counted."""
    image = Image("stack", STACK, "tzcyx")
    values = STACK[:, :, 0] % 200
    labels = read_labels(save_labels(tmp_path / "a.npy", values), image)
    np.testing.assert_array_equal(labels, values.reshape(6, 17, 13))
    tifffile.imwrite(tmp_path / "a.tif", values, imagej=True, metadata={"axes": "TZYX"})
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif", image), labels)


@pytest.mark.parametrize(
    ("values", "code", "seen"),
    [
        (GREY[:-1], "NU-A01", "36, 29"),
        (np.full(GREY.shape, 1.5, np.float32), "NU-A02", "1.5"),
        (np.full(GREY.shape, np.nan), "NU-A02", "nan"),
        (np.full(GREY.shape, -3, np.int8), "NU-A03", "-3"),
        (np.full(GREY.shape, 256, np.uint16), "NU-A04", "256"),
        (RGB, "NU-A05", "3"),
    ],
)
def test_wrong_labels_are_refused_with_the_value_seen(tmp_path: Path, values: np.ndarray, code: str, seen: str) -> None:
    """Labels that are not whole numbers 0..255 over the image say which value was seen and which was wanted."""
    path = save_labels(tmp_path / "a.npy", values)
    with pytest.raises(UserError, match="want") as caught:
        read_labels(path, Image("grey", GREY, "yx"))
    assert caught.value.code == code
    assert seen in caught.value.what


@pytest.mark.parametrize("name", SETS)
def test_real_images_read_like_their_codec(name: str) -> None:
    """One image of every shared set has the pixels its own library decodes, and a mask of the same size."""
    images = sorted((DATA / name / "images").glob("*")) if (DATA / name).is_dir() else []
    if not images:
        pytest.skip(f"the shared data set {name} is not here")
    image = open_image(images[0])
    if images[0].suffix == ".png":
        with Picture.open(images[0]) as picture:
            expected = np.atleast_3d(np.asarray(picture))[None, ..., : image.channels]
    else:
        expected = tifffile.imread(images[0])[..., None]
    np.testing.assert_array_equal(all_planes(image), expected)
    mask = open_image(next((DATA / name / "masks").glob(images[0].stem + ".*")), expand_palette=False)
    assert mask.annotation_shape == image.annotation_shape


# Names of channels


def test_channels_are_named_as_the_file_names_them(tmp_path: Path) -> None:
    """OME-TIFF, ImageJ and OME-Zarr, entities and all; by the axis that the file calls channels, and no other."""
    pixels = np.zeros((2, 8, 9), np.uint8)
    ome, imagej, ngff = tmp_path / "a.ome.tif", tmp_path / "b.tif", tmp_path / "c.zarr"
    tifffile.imwrite(ome, pixels, metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "a < b & c"]}})
    tifffile.imwrite(imagej, pixels, imagej=True, metadata={"axes": "CYX", "Labels": ["DAPI", "a < b & c"]})
    write_named_zarr(ngff, pixels, {"channels": [{"label": "DAPI"}, {"label": "a < b & c"}]})
    for path in (ome, imagej, ngff):
        assert open_image(path).channel_names == ("DAPI", "a < b & c")
        assert open_image(path, "zyx").channel_names == ()


@pytest.mark.parametrize("omero", [None, 3, {}, {"channels": 5}, {"channels": [1, 2]}, {"channels": [{"label": "one"}]},
                                   {"channels": [{"label": "one"}, {}]}])  # fmt: skip
def test_names_that_are_none_are_no_reason_to_refuse(tmp_path: Path, omero: object) -> None:
    """The image opens, without names."""
    write_named_zarr(tmp_path / "c.zarr", np.zeros((2, 8, 9), np.uint8), omero)
    assert open_image(tmp_path / "c.zarr").channel_names == ()


def test_labels_of_planes_are_no_names_of_channels(tmp_path: Path) -> None:
    """ImageJ labels every plane of a stack of channels."""
    path = tmp_path / "stack.tif"
    labels = [f"plane {number}" for number in range(6)]
    tifffile.imwrite(path, np.zeros((3, 2, 8, 9), np.uint8), imagej=True, metadata={"axes": "ZCYX", "Labels": labels})
    assert open_image(path).channel_names == ()


def write_named_zarr(path: Path, pixels: np.ndarray, omero: object) -> None:
    """An OME-Zarr 0.5 image with this as its part "omero"."""
    axes = [{"name": "c", "type": "channel"}, *({"name": axis, "type": "space"} for axis in "yx")]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}], "omero": omero}
    group.create_array("0", data=pixels)


NAMED = np.arange(2 * 3 * 17 * 13, dtype=np.uint8).reshape(2, 3, 17, 13) % 200


def named_tiff(path: Path, values: np.ndarray, axes: str) -> Path:
    """A file that names its axes, in the order of OME-TIFF, which may be any."""
    tifffile.imwrite(path, values, metadata={"axes": axes.upper()}, ome=True, photometric="minisblack")
    return path


@pytest.mark.parametrize("planes", [2, 3], ids=["as many times as slices", "other times than slices"])
def test_labels_belong_to_the_planes_that_their_axes_name(tmp_path: Path, planes: int) -> None:
    """Times before slices, as ImageJ keeps them, or after them; also where no shape could tell."""
    values = NAMED[:, :planes]
    image = open_image(named_tiff(tmp_path / "image.ome.tif", values, "ZTYX"))
    assert image.axes == "ztyx"
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, values.swapaxes(0, 1), imagej=True, metadata={"axes": "TZYX"})
    wanted = values.reshape(-1, 17, 13)
    np.testing.assert_array_equal(read_labels(labels, image), wanted)
    np.testing.assert_array_equal(read_labels(save_labels(tmp_path / "labels.npy", values), image), wanted)
    unnamed = open_image(save_labels(tmp_path / "image.npy", values.swapaxes(0, 1)))
    assert (unnamed.axes, unnamed.names_axes, image.names_axes) == ("tzyx", False, True)
    swapped = named_tiff(tmp_path / "labels.ome.tif", values.swapaxes(0, 1), "ZTYX")
    np.testing.assert_array_equal(read_labels(swapped, unnamed), values.swapaxes(0, 1).reshape(-1, 17, 13))


def test_an_axis_of_labels_may_have_another_name_where_its_order_is_sure(tmp_path: Path) -> None:
    """A single one, as slices are often saved as times; two are refused, and no colours become planes."""
    stack, labels = NAMED[0], named_tiff(tmp_path / "a.ome.tif", NAMED[0], "TYX")
    np.testing.assert_array_equal(read_labels(labels, Image("stack", stack, "zyx")), stack)
    np.testing.assert_array_equal(
        read_labels(named_tiff(tmp_path / "b.ome.tif", NAMED, "ZTYX"), Image("stack", NAMED.swapaxes(0, 1), "pzyx")),
        NAMED.swapaxes(0, 1).reshape(-1, 17, 13),
    )
    with pytest.raises(UserError, match=r"^NU-A01: labels have the axes ztyx, the image has pqyx"):
        read_labels(tmp_path / "b.ome.tif", Image("stack", NAMED, "pqyx"))
    for times in (2, 3):  # tifffile calls them z and c where nobody tells it their names
        tifffile.imwrite(tmp_path / "c.tif", NAMED[:, :times], imagej=True)
        image = Image("stack", NAMED[:, :times], "tzyx")
        np.testing.assert_array_equal(read_labels(tmp_path / "c.tif", image), NAMED[:, :times].reshape(-1, 17, 13))
    tifffile.imwrite(tmp_path / "c.tif", RGB, photometric="rgb")
    with pytest.raises(UserError, match=r"^NU-A05: "):
        read_labels(tmp_path / "c.tif", Image("stack", np.zeros((3, 37, 29)), "zyx"))


def test_only_axes_that_a_file_names_count_as_named(tmp_path: Path) -> None:
    """Zarr may name none, and what a user says of the axes counts."""
    zarr.save_array(str(tmp_path / "a.zarr"), NAMED)
    save_labels(tmp_path / "a.npy", NAMED)
    tifffile.imwrite(tmp_path / "a.tif", NAMED, photometric="minisblack")
    for name in ("a.zarr", "a.npy", "a.tif"):
        assert not open_image(tmp_path / name).names_axes
        assert open_image(tmp_path / name, "ztyx").names_axes
    array = zarr.create_array(str(tmp_path / "b.zarr"), data=NAMED, dimension_names=["z", "t", "y", "x"])
    assert array.ndim == 4
    assert open_image(tmp_path / "b.zarr").names_axes
