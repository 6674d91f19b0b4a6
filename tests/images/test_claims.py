"""Laws of files that claim more than they hold: refused before memory is taken, and what is only sparse is read."""

import os
import socket
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_files import GREY, refused

from napari_unet.errors import UserError
from napari_unet.images.folder import list_images
from napari_unet.images.readers import limited_xml
from napari_unet.images.readers.claims import NEVER_REFUSED, refuse_claim
from napari_unet.images.readers.ome_xml import read_ome
from napari_unet.images.reading import open_image

_PIXELS = '<Pixels DimensionOrder="{order}" SizeX="29" SizeY="37" SizeC="1" SizeZ="{z}" SizeT="{t}">{data}</Pixels>'


def ome(path: Path, inside: str) -> Path:
    """Write an image of one plane whose description holds this."""
    xml = f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{inside}</OME>'
    tifffile.imwrite(path, GREY, description=xml, metadata=None)
    return path


def described(order: str = "XYCZT", z: int = 1, t: int = 1, data: str = "<TiffData/>") -> str:
    return f"<Image>{_PIXELS.format(order=order, z=z, t=t, data=data)}</Image>"


@pytest.mark.parametrize(
    "inside",
    [
        described(z=30000, t=30000),
        described(data='<TiffData PlaneCount="900000000"/>'),
        described(data='<TiffData IFD="0" NumPlanes="+900_000_000"/>'),
        described(order="XYZZZ", z=900),
        '<StructuredAnnotations><XMLAnnotation Namespace="modulo" ID="1"><Value><Modulo><ModuloAlongZ Start="0" '
        'Step="1e-9" End="1"/></Modulo></Value></XMLAnnotation></StructuredAnnotations>' + described(),
        described() + "<a>" * 1000 + "</a>" * 1000,
    ],
)
def test_planes_that_nobody_has_take_no_memory(tmp_path: Path, inside: str) -> None:
    """A few kilobytes that claim 900 million planes, in every way to say it, are one line and a megabyte."""
    path = ome(tmp_path / "a.ome.tif", inside)
    tracemalloc.start()
    assert refused(path) == "NU-I11"
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


def test_an_entity_bomb_is_refused(tmp_path: Path) -> None:
    """A DOCTYPE alone is enough."""
    path = ome(tmp_path / "a.ome.tif", described())
    xml = '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY c "&a;&a;">]><OME>&c;</OME>'
    tifffile.imwrite(path, GREY, description=xml, metadata=None)
    assert refused(path) == "NU-I11"


def test_what_a_description_costs_grows_with_its_length_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tags that never end are passed over once; every element is handed out once; what is too much is refused."""
    seen: list[str] = []
    limited_xml.read_elements("<OME>" + "<Pixels " * 40_000, lambda name, attributes: seen.append(name))
    assert seen == ["OME"]
    limited_xml.read_elements("<OME>" + "<Pixels/>" * 40_000, lambda name, attributes: seen.append(name))
    assert len(seen) == 40_002
    monkeypatch.setattr(limited_xml, "MOST_ELEMENTS", 1000)
    with pytest.raises(ValueError, match="1000 elements"):
        read_ome("<OME>" + "<Pixels/>" * 40_000)
    monkeypatch.setattr(limited_xml, "MOST_CHARACTERS", 1000)
    with pytest.raises(ValueError, match="40000 characters"):
        read_ome("<Pixels " * 5000)


def test_a_description_of_tags_that_never_end_is_read_once(tmp_path: Path) -> None:
    """The image opens without it; patterns took more than a minute here, which the time limit of a test is below."""
    path = ome(tmp_path / "a.ome.tif", "<Pixels " * 40_000)
    np.testing.assert_array_equal(open_image(path).read(0)[..., 0], GREY)
    assert list_images(tmp_path).images == [path]


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd", "packbits", "lzma", None])
def test_what_is_packed_tightly_is_read(tmp_path: Path, compression: str | None) -> None:
    """Zeros, which shrink to a few kilobytes, are an image like another, in one strip above what is never refused."""
    path, side = tmp_path / "a.tif", 8300
    assert side**2 > NEVER_REFUSED
    tifffile.imwrite(path, np.zeros((side, side), np.uint8), compression=compression, rowsperstrip=side)
    assert not open_image(path).read(0, slice(0, 1)).any()


def test_a_page_larger_than_its_bytes_can_be_is_refused(tmp_path: Path) -> None:
    """A strip of 26 bytes does not become 900 MB."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression="zlib", metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            file.pages[0].tags[name].overwrite(30000)
    assert refused(path) == "NU-I11"


def test_a_picture_larger_than_its_bytes_can_be_is_refused(tmp_path: Path) -> None:
    """The same of PNG, whose pixels a decoder would make room for at once; a small one is left to the decoder."""
    for side in (30000, 300):
        data = b"\x89PNG\r\n\x1a\n"
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
            data += struct.pack(">I", len(content)) + kind + content
            data += struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
        (tmp_path / "a.png").write_bytes(data)
        with pytest.raises(UserError, match=r"^NU-I11: ") as caught:
            open_image(tmp_path / "a.png")
        assert ("claims" in str(caught.value)) == (side == 30000)


def test_what_is_small_is_never_refused(tmp_path: Path) -> None:
    """Whatever the bytes."""
    refuse_claim(tmp_path, NEVER_REFUSED, 0)
    with pytest.raises(UserError, match=r"^NU-I11: "):
        refuse_claim(tmp_path, NEVER_REFUSED + 1, 1)


@pytest.mark.skipif(os.name != "posix", reason="pipes with names are a POSIX notion")
def test_pipes_devices_and_sockets_are_not_opened(tmp_path: Path) -> None:
    """Opening a pipe waits for a writer who never comes; parts of an OME image may be none either."""
    os.mkfifo(tmp_path / "a.tif")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "b.tif"))
        for path in (tmp_path / "a.tif", tmp_path / "b.tif", Path("/dev/zero")):
            with pytest.raises(UserError, match=r"^NU-I10: .*it is no file"):
                open_image(path)
    part = '<TiffData IFD="0" PlaneCount="1"><UUID FileName="a.tif">urn:uuid:1</UUID></TiffData>'
    with pytest.raises(UserError, match=r"^NU-I11: .*its part a\.tif is no file"):
        open_image(ome(tmp_path / "c.ome.tif", described(data=part)))
