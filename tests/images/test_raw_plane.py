"""Laws of planes that are normalised late: the numbers are those of planes that were normalised at once."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.images import planes as planes_module
from napari_unet.images.image import Image
from napari_unet.images.planes import NormalisedPlanes
from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region, read_mirrored

REGIONS = [Region(0, 0, 60, 70), Region(-16, -16, 76, 86), Region(5, 9, 20, 33), Region(40, -16, 76, 30)]
STACK = np.random.default_rng(0).integers(0, 9000, (3, 2, 60, 70), np.uint16)


@pytest.mark.parametrize("where", ["memory", "file", "large file"])
@pytest.mark.parametrize("context_planes", [0, 1])
def test_normalised_late_is_normalised_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, context_planes: int
) -> None:
    """In memory, in a file and too large for it, with and without context planes, inside and beyond the rim."""
    image = Image("stack", STACK, "zcyx", chosen=(1, 0))
    if where != "memory":
        tifffile.imwrite(tmp_path / "a.tif", STACK, metadata={"axes": "ZCYX"}, imagej=True, compression="zlib")
        image = open_image(tmp_path / "a.tif")
    at_once = NormalisedPlanes(image)
    expected = [at_once.with_context(plane, context_planes) for plane in range(3)]
    if where == "large file":
        monkeypatch.setattr(planes_module, "WHOLE", 0)
    late = NormalisedPlanes(image)
    for plane in range(3):
        raw = late.raw(plane, context_planes)
        assert raw.shape == expected[plane].shape
        for region in REGIONS:
            pixels = read_mirrored(raw, region)
            assert pixels.dtype == np.uint16
            found = raw.joined_normalisation.apply(pixels)
            np.testing.assert_array_equal(found, read_mirrored(expected[plane], region))


def test_a_file_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many parts are asked for, by however many neighbours; what memory holds is not copied."""
    np.save(tmp_path / "a.npy", STACK[:, 0])
    image = open_image(tmp_path / "a.npy")
    planes = NormalisedPlanes(image)
    assert planes.normalisation
    reads: list[int] = []
    read = Image.read

    def counted(self: Image, plane: int, *parts: slice) -> np.ndarray:
        reads.append(plane)
        return read(self, plane, *parts)

    monkeypatch.setattr(Image, "read", counted)
    for plane in range(3):
        for region in REGIONS:
            read_mirrored(planes.raw(plane, 1), region)
    assert sorted(reads) == [0, 1, 2]
    reads.clear()
    held = NormalisedPlanes(Image("held", STACK[:, 0], "zyx"))
    raw = held.raw(1, 0)
    reads.clear()
    assert [raw[region.clipped(60, 70).slices].shape[:2] for region in REGIONS[:2]] == [(60, 70)] * 2
    assert reads == [1, 1]
