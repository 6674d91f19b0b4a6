"""Laws of images larger than memory: the mask is that of memory, whoever makes it and whatever is killed."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr
from predict_command import contents, predict, save_network

from napari_unet import api
from napari_unet.errors import UserError
from napari_unet.export.segmentation import ClassStyle
from napari_unet.images.image import Image
from napari_unet.images.lazy_plane import LazyPlane
from napari_unet.images.normalisation import measure_normalisation
from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region
from napari_unet.network.inference import BegunClasses, Predictor
from napari_unet.packaging import chunked_prediction, prediction_files
from napari_unet.prediction import large_image
from napari_unet.prediction.chunk_file import Chunk, ChunkFile
from napari_unet.prediction.chunk_task import ChunkTask
from napari_unet.prediction.plane import predict_region

CHUNK = 48
SHAPE = (110, 150)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every image counts as large, and a chunk is small."""
    monkeypatch.setattr(large_image, "LARGE", 0)
    monkeypatch.setattr(chunked_prediction, "CHUNK", CHUNK)


def write_noise(path: Path, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """An image of noise as OME-Zarr in chunks of another size."""
    pixels = np.random.default_rng(0).integers(0, 4000, shape, np.uint16)
    array = zarr.create_array(path, shape=shape, dtype=np.uint16, chunks=(1,) * (len(shape) - 2) + (40, 64),
                              dimension_names=list("tzyx")[-len(shape):])  # fmt: skip
    array[...] = pixels
    return pixels


def write_image(path: Path, kind: str) -> None:
    """One of the formats that are read by and by."""
    random = np.random.default_rng(1)
    match kind:
        case "zarr":
            write_noise(path)
        case "stack":
            write_noise(path, (2, 3, *SHAPE))
        case "tiled":
            tifffile.imwrite(path, random.integers(0, 255, SHAPE, np.uint8), tile=(32, 16))
        case "npy":
            np.save(path, random.normal(0, 1, SHAPE).astype(np.float32))


def classes(folder: Path) -> np.ndarray:
    """The mask in an OME-Zarr folder."""
    return np.asarray(zarr.open_group(folder, mode="r")["labels/classes/0"])


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("kind", ["zarr", "stack", "tiled", "npy"])
def test_the_mask_is_that_of_memory(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path, kind: str
) -> None:
    """Chunk by chunk and in tiles of any size come the mask, image and metadata that come from memory."""
    path = tmp_path / {"tiled": "a.tif", "npy": "a.npy"}.get(kind, "a.zarr")
    write_image(path, kind)
    image = open_image(path)
    expected = api.predict(api.load_model(network_file, "cpu"), image)
    assert len(np.unique(expected)) == 2
    for tile in (16, 64):
        out = tmp_path / f"out{tile}"
        given = ("--model", network_file, path, "--out", out, "--format", "ome-zarr", "--tile", tile)
        status, printed, errors = predict(capsys, *given)
        assert (status, errors) == (0, [])
        folder = out / "a.ome.zarr"
        assert [Path(name).name for name in printed["files"]] == ["a.ome.zarr", "a.json"]
        assert {path.name for path in out.iterdir()} == {"a.ome.zarr", "a.json"}
        np.testing.assert_array_equal(classes(folder).reshape(expected.shape), expected)
        copied = open_image(folder)
        for plane in range(image.planes):
            np.testing.assert_array_equal(copied.read(plane), image.read(plane))
        for group in ("", "labels", "labels/classes"):
            yaozarrs.validate_zarr_store(str(folder / group))
    assert contents(tmp_path / "out16") == contents(tmp_path / "out64")


@pytest.mark.usefixtures("small_chunks")
def test_a_relative_folder_takes_a_large_image(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are printed as the folder was given, once and again."""
    write_noise(tmp_path / "a.zarr")
    monkeypatch.chdir(tmp_path)
    given = ("--model", network_file, "a.zarr", "--out", "masks", "--format", "ome-zarr")
    first = predict(capsys, *given)
    assert (first[0], first[2]) == (0, [])
    assert first[1]["files"] == [str(Path("masks", name)) for name in ("a.ome.zarr", "a.json")]
    before = (tmp_path / "masks" / "a.json").read_bytes()
    assert predict(capsys, *given) == first
    assert (tmp_path / "masks" / "a.json").read_bytes() == before


def test_colours_and_plain_and_large_agree(network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files made through memory and without it differ in the labels "objects" alone."""
    colour = save_network(tmp_path / "colour.safetensors", channels=3)
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.random.default_rng(0).integers(0, 255, (3, *SHAPE), np.uint8),
        imagej=True,
        metadata={"axes": "CYX", "Labels": ["DAPI", "GFP", "Cy5"]},
    )
    model = api.load_model(colour, "cpu")
    api.predict_file(model, tmp_path / "a.tif", tmp_path / "plain", ["ome-zarr"])
    monkeypatch.setattr(large_image, "LARGE", SHAPE[0] * SHAPE[1] - 1)
    api.predict_file(model, tmp_path / "a.tif", tmp_path / "large", ["ome-zarr"])
    plain, large = (contents(tmp_path / name / "a.ome.zarr") for name in ("plain", "large"))
    assert large == {name: data for name, data in plain.items() if not name.startswith("labels/objects")}
    records = [zarr.open_group(tmp_path / name / "a.ome.zarr", mode="r") for name in ("plain", "large")]
    for group in ("", "labels/classes"):
        first, second = (record[group] if group else record for record in records)
        assert dict(first.attrs) == dict(second.attrs)
    assert open_image(tmp_path / "large" / "a.ome.zarr").channel_names == ("DAPI", "GFP", "Cy5")


def test_a_stack_larger_than_memory_is_never_held(
    network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many planes, each of which fits: the mask of all is made chunk by chunk, and is the same."""
    write_noise(tmp_path / "a.zarr", (18, *SHAPE))
    model = api.load_model(network_file, "cpu")
    api.predict_file(model, tmp_path / "a.zarr", tmp_path / "plain", ["ome-zarr"])
    monkeypatch.setattr(large_image, "LARGE", SHAPE[0] * SHAPE[1])
    monkeypatch.setattr(prediction_files, "resumable_mask", None)  # nobody makes the whole mask
    api.predict_file(model, tmp_path / "a.zarr", tmp_path / "large", ["ome-zarr"])
    plain, large = (contents(tmp_path / name / "a.ome.zarr") for name in ("plain", "large"))
    assert large == {name: data for name, data in plain.items() if not name.startswith("labels/objects")}


class Watched:
    """An array that remembers how much is read of it at once."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.dtype, self.most = pixels, pixels.shape, pixels.dtype, 0

    def __getitem__(self, key: Any) -> np.ndarray:
        part = self.pixels[key]
        self.most = max(self.most, part.size)
        return part


def test_no_more_is_read_than_a_tile_and_its_rim(network_file: Path) -> None:
    """Predicting a region of a large plane never asks for more pixels than the network sees of a tile."""
    predictor = api.load_model(network_file, "cpu").predictor
    watched = Watched(np.random.default_rng(0).integers(0, 255, (400, 600), np.uint8))
    image = Image("watched", watched, "yx")
    plane = LazyPlane(image, 0, measure_normalisation(Image("whole", watched.pixels, "yx")))
    mask = predict_region(predictor, plane, Region(100, 100, 300, 500), tile=64)
    architecture = predictor.network.architecture
    seen = (64 + 2 * (architecture.halo + architecture.stride)) ** 2
    assert 64**2 < watched.most <= seen < image.height * image.width
    np.testing.assert_array_equal(
        mask - 1, api.predict(api.load_model(network_file, "cpu"), image)[0, 100:300, 100:500]
    )


@pytest.mark.usefixtures("small_chunks")
def test_an_interrupted_image_goes_on(network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that are there are not predicted again, damaged ones and those of another network are."""
    write_noise(tmp_path / "a.zarr")
    model, out = api.load_model(network_file, "cpu"), tmp_path / "out"
    predicted: list[Region] = []
    whole = Predictor.begin_classes

    def stopping(after: int) -> Callable[..., BegunClasses]:
        def begin_classes(self: Predictor, plane: Any, region: Region) -> BegunClasses:
            if len(predicted) == after:
                raise KeyboardInterrupt
            predicted.append(region)
            return whole(self, plane, region)

        return begin_classes

    def run(model: api.Model, after: int) -> int:
        predicted.clear()
        monkeypatch.setattr(Predictor, "begin_classes", stopping(after))
        try:
            api.predict_file(model, tmp_path / "a.zarr", out, ["ome-zarr"])
        except KeyboardInterrupt:
            assert [path.name for path in out.iterdir()] == [".unfinished-a.ome.zarr"]
        return len(predicted)

    assert run(model, 5) == 5
    assert run(model, 2) == 2
    labels = out / ".unfinished-a.ome.zarr" / "labels/classes/0/c"
    made = sorted(path for path in labels.rglob("*") if path.is_file())
    assert len(made) == 7
    made[3].write_bytes(b"")
    (labels / "0.partial").write_bytes(b"half")
    assert run(model, 100) == 12 - 7 + 1
    assert run(model, 100) == 0
    expected = api.predict(model, open_image(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(classes(out / "a.ome.zarr"), expected[0])
    assert not list(out.rglob("*.partial"))
    (out / "a.json").unlink()
    monkeypatch.setattr(Predictor, "begin_classes", stopping(3))
    predicted.clear()
    with pytest.raises(KeyboardInterrupt):
        api.predict_file(model, tmp_path / "a.zarr", out, ["ome-zarr"])
    other = api.load_model(save_network(tmp_path / "other.safetensors", seed=1), "cpu")
    assert run(other, 100) == 12
    np.testing.assert_array_equal(classes(out / "a.ome.zarr"), api.predict(other, open_image(tmp_path / "a.zarr"))[0])


def test_a_chunk_of_background_is_there(network_file: Path, tmp_path: Path) -> None:
    """A chunk that holds nothing but zeros, or -0.0, counts as made and keeps its bits."""
    image = Image("empty", np.full(SHAPE, -0.0, np.float32), "yx")
    predictor = api.load_model(network_file, "cpu").predictor
    predictor = Predictor(predictor.network, (1, 1), predictor.device)
    file = ChunkFile(tmp_path / "empty.ome.zarr", image, (ClassStyle("background", (0, 0, 0)),), CHUNK)
    file.begin({})
    for count in range(12, 0, -1):
        chunks = file.missing()
        assert len(chunks) == count
        file.write(predictor, measure_normalisation(image), chunks[-1], 64)
    copied = open_image(file.finish())
    assert not classes(file.path).any()
    assert np.signbit(copied.read(0)).all()


@pytest.mark.parametrize(
    ("lost", "missing"), [("0/zarr.json", 12), ("labels/classes/0/zarr.json", 12), ("0/c/1/2", 1), ("0/c/1/1", 1)]
)
def test_what_a_power_cut_empties_is_made_again(network_file: Path, tmp_path: Path, lost: str, missing: int) -> None:
    """Without its description an array is begun anew; of a chunk the pixels of the image count as well as the mask."""
    write_noise(tmp_path / "a.zarr")
    image = open_image(tmp_path / "a.zarr")
    predictor = api.load_model(network_file, "cpu").predictor
    file = ChunkFile(tmp_path / "a.ome.zarr", image, (ClassStyle("background", (0, 0, 0)),) * 2, CHUNK)
    file.begin({})
    for chunk in file.missing():
        file.write(predictor, measure_normalisation(image), chunk, 64)
    assert file.missing() == []
    (file.folder / lost).write_bytes(b"")
    file.begin({})
    assert len(file.missing()) == missing
    for chunk in file.missing():
        file.write(predictor, measure_normalisation(image), chunk, 64)
    copied = open_image(file.finish())
    np.testing.assert_array_equal(copied.read(0), image.read(0))


def test_a_folder_that_goes_meanwhile_is_told(network_file: Path, tmp_path: Path) -> None:
    """In the window the export ends then, as one that a disk refuses, and the learning goes on."""
    write_noise(tmp_path / "a.zarr")
    image = open_image(tmp_path / "a.zarr")
    file = ChunkFile(tmp_path / "out" / "a.ome.zarr", image, (ClassStyle("background", (0, 0, 0)),) * 2, CHUNK)
    file.begin({})
    chunk = file.missing()[0]
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"^NU-E01: cannot write"):
        file.write(api.load_model(network_file, "cpu").predictor, measure_normalisation(image), chunk, 64)


@pytest.mark.usefixtures("small_chunks")
def test_what_cannot_be_had_is_said_before_the_work(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    """Objects or probabilities of a large plane, and another format for a cluster, are refused in one line."""
    write_noise(tmp_path / "a.zarr")
    given = ("--model", network_file, tmp_path / "a.zarr", "--out", tmp_path / "out", "--format", "ome-zarr")
    for option in ("--objects", "--probabilities"):
        status, _, errors = predict(capsys, *given, option)
        assert status == 2
        assert [line.split(": ")[1] for line in errors] == ["NU-E14"]
    (tmp_path / "file").write_text("no folder")
    status, _, errors = predict(capsys, *given[:4], tmp_path / "file", *given[5:])
    assert status == 2
    assert [line.split(": ")[1] for line in errors] == ["NU-E01"]
    model = api.load_model(network_file, "cpu")
    for formats, code in ((["tiff"], "NU-C12"), (["ome-zarr", "csv"], "NU-C12"), (["ome-zarr"], "NU-C04")):
        with pytest.raises(UserError, match=code):
            api.predict_files(model, [tmp_path / "a.zarr"], tmp_path / "out", formats, scheduler="tcp://127.0.0.1:9")


def test_a_missing_dask_names_the_extra(network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Dask one line says what to install."""
    write_noise(tmp_path / "a.zarr")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"NU-C10.*\[dask\]"):
        api.predict_files(
            api.load_model(network_file, "cpu"),
            [tmp_path / "a.zarr"],
            tmp_path / "out",
            ["ome-zarr"],
            scheduler="tcp://x:1",
        )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler in a process of its own, and two worker processes."""
    pytest.importorskip("distributed")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    log = tmp_path / "cluster.log"
    with open(log, "wb") as stream:
        command = [sys.executable, "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        scheduler = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=stream, env=environment, text=True)
        assert scheduler.stderr is not None
        address = ""
        while not address:
            line = scheduler.stderr.readline()
            assert line, "the scheduler ended"
            address = next((word for word in line.split() if word.startswith("tcp://")), "")
        command = [sys.executable, "-m", "dask", "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                   "--local-directory", str(tmp_path / "dask")]  # fmt: skip
        workers = [subprocess.Popen(command, stdout=stream, stderr=stream, env=environment) for _ in range(2)]
        try:
            yield address, workers
        finally:
            for process in (*workers, scheduler):
                process.kill()
                process.wait()
            scheduler.stderr.close()


@pytest.mark.usefixtures("small_chunks")
def test_a_cluster_makes_the_same_and_survives_a_killed_worker(
    network_file: Path, tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    """Two worker processes, one of which is killed at work, leave the mask that one process leaves."""
    import distributed

    address, workers = cluster
    write_noise(tmp_path / "a.zarr", (2, 230, 250))
    model = api.load_model(network_file, "cpu")
    expected = api.predict(model, open_image(tmp_path / "a.zarr"))
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
    done = 0

    def kill() -> None:
        nonlocal done
        done += 1
        if done == 4:
            workers[0].kill()

    batch = api.predict_files(
        model, [tmp_path / "a.zarr"], tmp_path / "out", ["ome-zarr"], scheduler=address, device="cpu", tile_done=kill
    )
    assert batch.failed == []
    assert workers[0].wait() < 0
    assert workers[1].poll() is None
    assert done == 2 * 5 * 6
    np.testing.assert_array_equal(classes(tmp_path / "out" / "a.ome.zarr"), expected)


def test_another_network_or_image_is_refused(network_file: Path, tmp_path: Path) -> None:
    """A process of a cluster makes nothing from files that are not those of the batch."""
    write_noise(tmp_path / "a.zarr")
    image, model = open_image(tmp_path / "a.zarr"), api.load_model(network_file, "cpu")
    task = ChunkTask(
        tmp_path / "a.zarr", "other", (), network_file, "other", "cpu", measure_normalisation(image), tmp_path / "o",
        (), 48, 16,
    )  # fmt: skip
    chunk = Chunk(0, Region(0, 0, 48, 48))
    with pytest.raises(UserError, match="NU-M06"):
        task(chunk)
    with pytest.raises(UserError, match="NU-I15"):
        replace(task, network_fingerprint=model.checkpoint.fingerprint())(chunk)
    assert not (tmp_path / "o").exists()


def test_an_error_travels_whole() -> None:
    """A refusal comes out of another process as it went in."""
    error = pickle.loads(pickle.dumps(UserError("NU-X00", "what", "where", "fix")))  # noqa: S301 - our own bytes
    assert (error.code, error.what, error.where, error.fix) == ("NU-X00", "what", "where", "fix")
    assert str(error) == "NU-X00: what, where, fix"
