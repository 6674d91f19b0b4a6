"""Laws of the worker: what is said arrives, work is done in the right order, and no process outlives its window."""

import io
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from squares import HEIGHT, TILE, WIDTH, Clock, of, paint, rest

from napari_unet.config import Settings
from napari_unet.controller.worker_process import WorkerProcess
from napari_unet.dataset.annotated import Annotations
from napari_unet.dataset.weight_map import class_table, class_weights
from napari_unet.errors import UserError
from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.evaluation.label_check import Doubt
from napari_unet.evaluation.scores import BlockScore, ClassScore, Score
from napari_unet.images.image import Image, PixelSize
from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region, grid, outward
from napari_unet.objects.class_counts import ClassCount
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.protocol.channel import LIMIT, Channel, encode
from napari_unet.protocol.child_process import child_environment
from napari_unet.protocol.message import Message

if TYPE_CHECKING:
    from napari_unet.worker.engine import Engine

PATIENCE_S = 120.0  # for things that take seconds on a machine with nothing else to do
SCORE = Score(
    3,
    None,
    (ClassScore(1, 0.5, None, None, 9), ClassScore(2, None, 0.1, 0.9, 0)),
    (BlockScore(1, 0, 0, 0, 64, 64, 0.25),),
)
EXAMPLES: list[Any] = [
    m.Open("/data/Zellen ü.unet", 7),
    m.Look(3, 1, 0, Region(-5, 0, 10**6, 9)),
    m.Look(3, 1, 0, Region(0, 0, 9, 9), "probability", 2),
    m.Look(3, 1, 0, Region(0, 0, 9, 9), small=True),
    m.Annotated(),
    m.Corrected(3),
    m.Corrected(None),
    m.Restore(),
    m.Train(on=True),
    m.Train(on=False),
    m.Estimated(3, 1, 0, (EstimatedDice(1, 0.8, 0.7, 0.9), EstimatedDice(2, None, reason="too unsure"))),
    m.Export((1,), "out", ("tiff", "png")),
    m.PauseExport(on=True),
    m.CancelExport(),
    m.Exporting(0.25),
    m.ShowWeights(1, 0),
    m.Suggest(3, 1, 0),
    m.ProposeArea(3, 1, 0, "random"),
    m.AreaProposed(3, "random", "", 1, 0, Region(0, 0, 2, 3), bytes(6)),
    m.Ready("cpu", "CPU"),
    m.NetworkChosen("fast", 128, 4, "there is no GPU to use"),
    m.Tile(3, 1, 0, Region(64, 0, 66, 3), bytes(range(6)), 12),
    m.Tile(3, 1, 0, Region(64, 0, 66, 3), bytes(6), 12, bytes(range(6))),
    m.Weights(1, 0, Region(0, 0, 2, 6), 2, bytes(6)),
    m.Objects.of(3, (1, 0), np.array([[0, 2], [1, 0]], np.int32), ("object", "area_um2"), ((1, 0.25), (2, 1.5))),
    m.Counted(3, 1, 0, (ClassCount(2, 12, 0.25, 23.5, 140, 1),)),
    m.Progress("waiting", 0, None, 4, "paint"),
    m.Progress("training", 5, 0.25, 0),
    m.Scored(SCORE, None),
    m.Suggested(3, "the network is unsure here", 1, 0, Region(0, 64, 64, 128)),
    m.Doubted((Doubt(1, 0, 2, 1, Region(3, 4, 9, 12), (3, 7)), Doubt(1, 0, 2, 1, Region(3, 4, 5, 8), (3, 4), b"\xff"))),
    m.Agreed(0.5, 3),
    m.Agreed(None, 0),
    m.Exported(("a.tif", "b.json")),
    m.Failed("NU-W03: what, where, fix"),
    m.Noticed("NU-T04: what, where, fix"),
    m.Saved(),
    m.OtherPixelSize(1, (0.5, 2.0)),
    m.Alive(),
]


class Pipe(io.BytesIO):
    """Bytes with what else a file has, which the checker of types asks for."""

    mode, name = "rb", "pipe"


def channel(data: bytes, expected: Any) -> Channel[Any]:
    """The receiving end of a pipe in which these bytes lie."""
    return Channel(Pipe(data), Pipe(), expected)


# Messages


def test_there_is_an_example_of_every_message() -> None:
    """So that the law below holds for all of them."""
    between = {kind for kind in Message.__subclasses__() if kind.__module__ == m.__name__}  # others are the decoder's
    assert {type(message) for message in EXAMPLES} == between


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_what_is_said_arrives(message: Any) -> None:
    """Decoding what was encoded gives the message, alone or among others, and only in its own direction."""
    mine, other = (m.ToWorker, m.ToWindow) if isinstance(message, m.ToWorker) else (m.ToWindow, m.ToWorker)
    pipe = channel(encode(message) * 2, mine)
    assert [pipe.receive(), pipe.receive()] == [message] * 2
    with pytest.raises(EOFError):
        pipe.receive()
    with pytest.raises(UserError, match=r"^NU-W02: "):
        channel(encode(message), other).receive()


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_that_breaks_off_is_no_message(message: Any) -> None:
    """Wherever the other end dies, the receiver hears the end and not half a wish."""
    frame = encode(message)
    for length in range(len(frame)):
        with pytest.raises(EOFError):
            channel(frame[:length], m.ToWorker | m.ToWindow).receive()


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", LIMIT + 1) + b"x",
        b"\xff" * 100,
        struct.pack(">I", 3) + b"\xc1\xc1\xc1",
        struct.pack(">I", 1) + b"\x80",
        struct.pack(">I", 0),
        struct.pack(">I", len(msgspec.msgpack.encode({"type": "Boom"}))) + msgspec.msgpack.encode({"type": "Boom"}),
        encode(m.Look(1, 1, 0, Region(0, 0, 1, 1))).replace(b"generation", b"generatiom"),
        encode(m.Look(1, 1, 0, Region(0, 0, 1, 1))).replace(b"y0", b"y9"),
        encode(m.Look(1, 1, 0, Region(0, 0, 1, 1))).replace(b"x1\x01", b"x1\xc0"),
        encode(m.Open("cells")).replace(b"cells", b"cel\xffs"),
        struct.pack(">I", 40_000) + b"\x91" * 40_000,
    ],
)
def test_garbage_is_refused(data: bytes) -> None:
    """Bytes that are no message are an error, and an announced size beyond the limit is never read."""
    with pytest.raises(UserError, match=r"^NU-W02: "):
        channel(data, m.ToWorker).receive()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    """No input makes the receiver fail in another way."""
    framed = struct.pack(">I", len(data)) + data
    for stream in (data, framed):
        try:
            assert isinstance(channel(stream, m.ToWorker).receive(), m.Message)
        except (EOFError, UserError):
            continue


def test_a_tile_says_its_shape() -> None:
    """Bytes become the array that they were; bytes of another size are refused."""
    np.testing.assert_array_equal(of(m.Tile, EXAMPLES)[0].array(), np.arange(6).reshape(2, 3))
    with pytest.raises(UserError, match=r"^NU-W02: "):
        m.Tile(0, 1, 0, Region(0, 0, 2, 3), bytes(5), 0).array()
    np.testing.assert_array_equal(of(m.Tile, EXAMPLES)[1].map_array(), np.arange(6).reshape(2, 3))
    with pytest.raises(UserError, match=r"^NU-W02: "):
        m.Tile(0, 1, 0, Region(0, 0, 2, 3), bytes(6), 0, bytes(5)).map_array()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(2, 2000), st.integers(0, 9))
def test_a_weight_map_fits_into_a_message(height: int, width: int, most: int, seed: int) -> None:
    """All values, or the largest of each square of the smallest side that makes the bytes few enough."""
    weights = np.random.default_rng(seed).uniform(0.5, 9, (height, width)).astype(np.float32)
    sent = m.Weights.of(1, 0, Region(0, 0, height, width), weights, most)
    values, factor = sent.array(), sent.factor
    assert len(sent.data) <= most
    assert factor == 1 or 2 * -(-height // (factor - 1)) * -(-width // (factor - 1)) > most
    assert values.shape == (-(-height // factor), -(-width // factor))
    for y, x in np.ndindex(values.shape):
        square = weights[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
        assert values[y, x] == np.float16(square.max())


def test_a_weight_map_says_its_shape() -> None:
    """Bytes of another size are refused; a weight beyond float16 is its largest number, not infinity."""
    for region, factor, data in (
        (Region(0, 0, 2, 3), 1, bytes(10)),
        (Region(0, 0, 1, 1), 0, bytes(2)),
        (Region(0, 0, 0, 3), 1, b""),
    ):
        with pytest.raises(UserError, match=r"^NU-W02: "):
            m.Weights(1, 0, region, factor, data).array()
    sent = m.Weights.of(1, 0, Region(0, 0, 1, 2), np.full((1, 2), 1e6, np.float32), 4)
    assert sent.array().tolist() == [[65504, 65504]]


def test_objects_say_their_shape() -> None:
    """Numbers come back as they were; other sizes, numbers without a row and bombs are refused."""
    sent = of(m.Objects, EXAMPLES)[0]
    assert sent.array().tolist() == [[0, 2], [1, 0]]
    bomb = zlib.compress(bytes(10**6))
    sizes = ({"region": Region(0, 0, height, 2)} for height in (3, 0))
    for odd in (*sizes, {"numbers": bomb}, {"numbers": b"?"}, {"rows": sent.rows[:1]}):
        with pytest.raises(UserError, match=r"^NU-W02: "):
            msgspec.structs.replace(sent, **odd).array()
    with pytest.raises(UserError, match=r"^NU-W02: "):
        msgspec.structs.replace(sent, columns=("object",)).array()


def test_what_is_dangerous_is_not_inherited() -> None:
    """Switches that make loading unsafe stay outside; a thread count that the user chose is kept."""
    clean = child_environment({"PYTHONPATH": "x", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", "OMP_NUM_THREADS": "3"})
    assert "PYTHONPATH" not in clean
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in clean
    assert clean["OMP_NUM_THREADS"] == "3"


# Engine, without a process


def engine_of(project: Project) -> "tuple[Engine, list[Any]]":
    """An engine on the project, and the list of what it says."""
    from napari_unet.network.device import Device
    from napari_unet.worker.engine import Engine

    said: list[Any] = []
    engine = Engine(said.append, Device("cpu", "", False), Clock())
    engine.receive(m.Open(str(project.folder)))
    return engine, said


def put_together(tiles: list[m.Tile]) -> np.ndarray:
    """The plane that tiles make, the newer over the older."""
    whole = np.zeros((HEIGHT, WIDTH), np.uint8)
    for tile in tiles:
        whole[tile.region.slices] = tile.array()
    return whole


def test_an_open_project_is_rehearsed_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the next stroke needs is loaded before it comes, painted on or not."""
    from napari_unet.network.device import Device
    from napari_unet.worker.engine import Engine

    rehearsals: list[str] = []
    monkeypatch.setattr("napari_unet.worker.jobs.rehearsal.rehearse", lambda: rehearsals.append("rehearsed"))
    Engine(lambda _: None, Device("cpu", "", False)).rehearse()
    assert not rehearsals
    engine, _ = engine_of(project)
    for _ in range(2):
        engine.rehearse()
    assert len(rehearsals) == 1
    paint(project)
    engine, _ = engine_of(project)
    engine.rehearse()
    assert len(rehearsals) == 2


def test_a_trained_project_opens_without_an_optimiser(project: Project) -> None:
    """Its network is shown before torch has loaded its compiler, which the first step needs."""
    from napari_unet.network.device import Device
    from napari_unet.training.learner import Learner

    paint(project)
    learner = Learner(project, Device("cpu", "", False))
    learner.step()
    learner.show_newest()
    learner.save()
    script = (
        "import sys; from pathlib import Path; from napari_unet.project.project import Project; "
        "from napari_unet.network.device import Device; from napari_unet.training.learner import Learner; "
        "learner = Learner(Project(Path(sys.argv[1]), read_only=True), Device('cpu', '', False)); "
        "assert learner.trainer is not None and learner.predictor is not None; before = set(sys.modules); "
        "learner.step(); print(len(before), sum(name.startswith('torch._dynamo') for name in before), "
        "sum(name.startswith('torch._dynamo') for name in sys.modules))"
    )
    command = [sys.executable, "-P", "-c", script, str(project.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    _, opened, stepped = map(int, done.stdout.split())
    assert opened < stepped


def test_a_worker_that_only_looks_writes_no_network(project: Project) -> None:
    """Not when it ends either, whatever it has learned of strokes that another window paints."""
    from napari_unet.network.device import Device
    from napari_unet.worker.engine import Engine

    paint(project)
    for read_only in (True, False):
        engine = Engine(lambda message: None, Device("cpu", "", False), Clock())
        engine.receive(m.Open(str(project.folder), read_only=read_only))
        engine.receive(m.Train(on=True))
        for _ in range(5):
            engine.work()
        engine.receive(m.Train(on=False))
        engine.save()
        assert project.models.exists() != read_only


def test_the_rehearsal_loads_what_an_optimiser_needs() -> None:
    """In a process of its own, where nothing has loaded it before."""
    script = (
        "import sys; from napari_unet.training.rehearsal import rehearse; before = set(sys.modules); rehearse(); "
        "loaded = set(sys.modules); import torch; "
        "torch.optim.AdamW([torch.zeros(1, requires_grad=True)]); "
        "print(len(loaded - before), len(set(sys.modules) - loaded))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    first, later = map(int, done.stdout.split())
    assert first > 0
    assert later == 0


def test_what_is_shown_small_comes_at_half_resolution_first(trained: Project) -> None:
    """The part on screen in a quarter of the tiles; then every tile of the plane, as if nothing had come before."""
    engine, said = engine_of(trained)
    view = Region(0, 0, HEIGHT - 20, TILE)
    engine.receive(m.Look(1, 1, 0, view, small=True))
    rest(engine)
    tiles = of(m.Tile, said)
    previews = [tile for tile in grid(HEIGHT, WIDTH, 2 * TILE) if tile.intersects(view)]
    assert [tile.region for tile in tiles[: len(previews)]] == outward(previews, view)
    assert sorted(tile.region for tile in tiles[len(previews) :]) == sorted(grid(HEIGHT, WIDTH, TILE))
    again, as_ever = engine_of(trained)
    again.receive(m.Look(1, 1, 0, Region(0, 0, 10, 10)))
    rest(again)
    np.testing.assert_array_equal(put_together(tiles), put_together(of(m.Tile, as_ever)))
    first = put_together(tiles[: len(previews)])[:, :TILE]
    assert (first[::2, ::2] == first[1::2, 1::2]).all()
    assert (first[20:50, 20:60] == 2).mean() > 0.95
    assert (first[60:80] == 1).mean() > 0.95


def test_only_what_is_blank_comes_at_half_resolution() -> None:
    """Previews begin again with a new network until they fill the screen; from then on it is full resolution."""
    from napari_unet.prediction.view import View

    whole = Region(0, 0, HEIGHT, WIDTH)
    view = View(1, 1, 0, whole, small=True)
    previews = sorted(grid(HEIGHT, WIDTH, 2 * TILE))
    view.refill(HEIGHT, WIDTH, TILE)
    assert view.take()[1]
    view.refill(HEIGHT, WIDTH, TILE)
    assert sorted(view.take() for _ in previews) == [(one, True) for one in previews]
    assert view.next_is_visible
    view.take()
    view.refill(HEIGHT, WIDTH, TILE)
    assert sorted(view.take() for _ in range(view.waiting)) == [
        (one, False) for one in sorted(grid(HEIGHT, WIDTH, TILE))
    ]


def test_tiles_off_screen_take_turns() -> None:
    """Where networks come before all of the plane is predicted, no tile is left out, and the oldest are first."""
    from napari_unet.prediction.view import View

    seen, tiles = Region(0, 0, TILE, TILE), list(grid(HEIGHT, WIDTH, TILE))
    view = View(1, 1, 0, seen)
    rest = [one for one in outward(tiles, seen) if not one.intersects(seen)]
    taken: list[Region] = []
    for number in range(2 * len(rest)):
        view.refill(HEIGHT, WIDTH, TILE)
        assert view.take() == (seen, False)
        assert view.next_is_awaited == (number < len(rest))
        taken.append(view.take()[0])
    assert taken == 2 * rest
    view.look_at(taken[0])
    view.refill(HEIGHT, WIDTH, TILE)
    assert view.take() == (taken[0], False)


def test_the_plane_is_counted_though_networks_come_fast(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is ready once the screen is painted, and waits for tiles off screen, until all were predicted."""
    monkeypatch.setattr("napari_unet.worker.jobs.training._LAST_SHOWING_S", 0.0)
    monkeypatch.setattr("napari_unet.worker.jobs.training._FIRST_SHOWING_S", 0.0)
    paint(project)
    engine, said = engine_of(project)
    seen = Region(0, 0, TILE, TILE)
    engine.receive(m.Look(1, 1, 0, seen))
    engine.receive(m.Train(on=True))
    rounds = 0
    while len({tile.region for tile in of(m.Tile, said)}) < len(list(grid(HEIGHT, WIDTH, TILE))):
        engine.work()
        rounds += 1
        assert rounds < 300
    on_screen = sum(tile.region.intersects(seen) for tile in of(m.Tile, said))
    assert 3 < on_screen <= len(list(grid(HEIGHT, WIDTH, TILE)))


def test_an_image_unlike_the_painted_ones_is_told_once(trained: Project) -> None:
    """The image that is painted on never; another one when its first tile is predicted, and only then."""
    odd = trained.add_image(Image("odd", np.random.default_rng(1).normal(0, 50, (80, 80)).astype(np.float32), "yx"))
    paint(trained)
    engine, said = engine_of(trained)
    for generation, image_id in enumerate((1, odd.id, 1, odd.id)):
        engine.receive(m.Look(generation, image_id, 0, Region(0, 0, 80, 80)))
        rest(engine)
        assert len(of(m.Noticed, said)) == (generation >= 1)
    assert of(m.Noticed, said)[0].line.startswith("NU-I16: ")


def test_pixels_of_another_size_are_told_with_their_factors(trained: Project) -> None:
    """Of an image that differs by more than a factor of 1.25, again when its pixel size was corrected."""
    trained.images.set_pixel_size(1, PixelSize(0.5, 0.5, "um"))
    other = trained.add_image(Image("odd", np.random.default_rng(1).normal(0, 50, (80, 80)).astype(np.float32), "yx"))
    paint(trained)
    engine, said = engine_of(trained)
    for generation, (edges, told) in enumerate(
        [((1.0, 0.25), 1), ((0.55, 0.5), 1), ((100.0, 100.0), 1), ((1.0, 1.0), 2)]
    ):
        trained.images.set_pixel_size(other.id, PixelSize(*edges, "um"))
        engine.receive(m.Corrected(other.id))
        engine.receive(m.Look(generation, other.id, 0, Region(0, 0, 80, 80)))
        rest(engine)
        assert len(of(m.OtherPixelSize, said)) == told
    assert [message.factors for message in of(m.OtherPixelSize, said)] == [(2.0, 0.5), (2.0, 2.0)]


def test_an_image_with_corrected_axes_is_predicted_as_it_is_now(trained: Project) -> None:
    """Nothing of a look at the planes of before is answered; the next one shows the rows and columns as corrected."""
    pixels = np.random.default_rng(1).normal(0, 0.2, (80, 3, 90)).astype(np.float32)
    stack = trained.add_image(Image("stack", pixels, "zyx"))
    engine, said = engine_of(trained)
    engine.receive(m.Look(1, stack.id, 70, Region(0, 0, 3, 90)))
    rest(engine)
    trained.images.set_axes(stack.id, "yzx")
    engine.receive(m.Corrected(stack.id))
    assert not engine.has_work
    said.clear()
    engine.receive(m.Look(2, stack.id, 2, Region(0, 0, 80, 90)))
    rest(engine)
    tiles = of(m.Tile, said)
    assert {tile.plane for tile in tiles} == {2}
    shown = np.zeros((80, 90), np.uint8)
    for tile in tiles:
        shown[tile.region.slices] = tile.array()
    assert engine.learner is not None
    planes = engine.learner.annotations.pixels(stack.id)
    np.testing.assert_array_equal(planes.image.read(2)[..., 0], pixels[:, 2])
    predictor = engine.learner.predictor
    np.testing.assert_array_equal(shown, predictor.classes(planes[2], Region(0, 0, 80, 90)))


def test_what_is_on_screen_comes_first(trained: Project) -> None:
    """A look is answered by every tile of the plane once, those in view first, all with the look's generation."""
    engine, said = engine_of(trained)
    view = Region(100, 150, 140, 190)
    engine.receive(m.Look(7, 1, 0, view))
    rest(engine)
    tiles = of(m.Tile, said)
    assert sorted(tile.region for tile in tiles) == sorted(grid(HEIGHT, WIDTH, TILE))
    assert {tile.generation for tile in tiles} == {7}
    seen = [tile.region.intersects(view) for tile in tiles]
    assert seen == sorted(seen, reverse=True)
    assert any(seen)
    assert not all(seen)
    assert {tile.step for tile in tiles} == {40}
    whole = put_together(tiles)
    assert (whole[100:120, 110:150] == 2).mean() > 0.95
    assert (whole[60:80, 10:150] == 1).mean() > 0.95
    assert of(m.Progress, said)[-1].waiting_tiles == 0


def test_looking_elsewhere_does_not_begin_again(trained: Project) -> None:
    """Moving the view within a generation changes the order only; a new generation asks for everything."""
    engine, said = engine_of(trained)
    engine.receive(m.Look(1, 1, 0, Region(0, 0, 10, 10)))
    engine.work()
    engine.receive(m.Look(1, 1, 0, Region(140, 190, 150, 200)))
    rest(engine)
    tiles = of(m.Tile, said)
    assert [tile.region.intersects(Region(140, 190, 150, 200)) for tile in tiles[:2]] == [False, True]
    assert len(tiles) == len(list(grid(HEIGHT, WIDTH, TILE)))
    engine.receive(m.Look(2, 1, 0, Region(0, 0, 10, 10)))
    rest(engine)
    assert len(of(m.Tile, said)) == 2 * len(tiles)


def seen(project: Project, *wanted: Any) -> tuple[Any, Any]:
    """Classes and wanted map of the plane, put together from tiles."""
    engine, said = engine_of(project)
    engine.receive(m.Look(1, 1, 0, Region(0, 0, 10, 10), *wanted))
    rest(engine)
    classes, values = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    for tile in of(m.Tile, said):
        classes[tile.region.slices], values[tile.region.slices] = tile.array(), tile.map_array()
    return classes, values


def test_a_probability_agrees_with_the_classes(trained: Project) -> None:
    """Where a class is the most probable, the class tile says so; all classes add up; near ones are undecided."""
    classes, first = seen(trained, "probability", 1)
    again, second = seen(trained, "probability", 2)
    _, undecided = seen(trained, "uncertainty")
    _, unknown = seen(trained, "probability", 9)
    np.testing.assert_array_equal(classes, again)
    assert (classes[first > second] == 1).all()
    assert (classes[second > first] == 2).all()
    assert (first != second).mean() > 0.9
    total, distance = first.astype(int) + second, np.abs(first.astype(int) - second)
    assert set(np.unique(total)) <= {254, 255, 256}
    assert np.abs(undecided - (255 - distance)).max() <= 1
    assert undecided.max() > 200
    assert not unknown.any()


def test_a_map_that_nobody_wants_is_not_sent(trained: Project) -> None:
    """A look without a map has tiles without; it can be wanted and given up while tiles are on their way."""
    engine, said = engine_of(trained)
    engine.receive(m.Look(1, 1, 0, Region(0, 0, 10, 10)))
    engine.work()
    engine.receive(m.Look(2, 1, 0, Region(0, 0, 10, 10), "uncertainty"))
    engine.work()
    engine.receive(m.Look(2, 1, 0, Region(0, 0, 10, 10)))
    rest(engine)
    assert [len(tile.map) > 0 for tile in of(m.Tile, said)[:3]] == [False, True, False]
    tiles = len(list(grid(HEIGHT, WIDTH, TILE)))
    assert len([tile for tile in of(m.Tile, said) if tile.generation == 2]) == tiles


def test_the_overlay_says_what_it_shows(trained: Project) -> None:
    """Progress tells the step of the network on screen, the tiles to come, and strokes that are not in it yet."""
    engine, said = engine_of(trained)
    engine.receive(m.Look(1, 1, 0, Region(0, 0, 10, 10)))
    assert (of(m.Progress, said)[-1].shown_step, of(m.Progress, said)[-1].behind) == (40, False)
    paint(trained)
    engine.receive(m.Annotated())
    assert of(m.Progress, said)[-1].behind
    engine.receive(m.Train(on=True))
    for _ in range(30):
        engine.work()
    assert not of(m.Progress, said)[-1].behind
    assert of(m.Progress, said)[-1].shown_step > 40


def test_nothing_can_be_predicted_before_anything_is_learned(project: Project) -> None:
    """A look at an untrained project is no work; the user is told what to paint."""
    engine, said = engine_of(project)
    engine.receive(m.Look(1, 1, 0, Region(0, 0, 10, 10)))
    engine.receive(m.Train(on=True))
    assert not engine.has_work
    assert of(m.Tile, said) == []
    assert said[-1].state == "waiting"
    assert "paint strokes of two classes" in said[-1].reason


def test_the_first_strokes_are_answered_before_any_step(project: Project) -> None:
    """With base weights the first tile is that of a head fitted to the strokes, at step 0; then learning begins."""
    project.settings.write(Settings(tile=64, prediction_tile=TILE))
    engine, said = engine_of(project)
    engine.receive(m.Look(1, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
    engine.receive(m.Train(on=True))
    paint(project)
    engine.receive(m.Annotated())
    engine.work()  # the head is fitted
    engine.work()
    first = of(m.Tile, said)[0]
    assert first.step == 0
    assert set(np.unique(first.array())) <= {1, 2}


def test_the_network_is_told_when_a_project_opens_and_when_it_changes(project: Project) -> None:
    """Once each, with what the device decided and why."""
    project.settings.write(Settings())
    engine, said = engine_of(project)
    assert of(m.NetworkChosen, said) == [m.NetworkChosen("fast", 128, 4, "there is no GPU to use")]
    project.settings.write(Settings(preset="light", tile=64))
    for _ in range(2):
        engine.receive(m.Annotated())
        engine.work()
    assert of(m.NetworkChosen, said)[1:] == [m.NetworkChosen("light", 64, 4, "the settings say so")]


def test_learning_rests_on_a_plateau_until_a_stroke(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine whose loss falls no more has nothing to do and says so; a new stroke wakes it up."""
    from napari_unet.training import plateau

    monkeypatch.setattr(plateau, "PATIENCE", 3)
    monkeypatch.setattr(plateau, "LOWER", 0.0)
    engine, said = engine_of(project)
    paint(project)
    engine.receive(m.Annotated())
    engine.receive(m.Train(on=True))
    rest(engine)
    assert of(m.Progress, said)[-1].state == "resting"
    assert of(m.Progress, said)[-1].step == 3
    assert of(m.Scored, said)
    assert (project.models / "best.safetensors").is_file()
    labels = project.strokes.plane(1, 0)
    labels[100:104, 25:55] = 2
    project.commit(1, 0, labels)
    engine.receive(m.Annotated())
    assert engine.has_work


def test_the_best_network_comes_back_on_one_message(project: Project) -> None:
    """Restoring is answered with its score, its tiles, and a saved file."""
    engine, said = engine_of(project)
    paint(project)
    engine.receive(m.Annotated())
    engine.receive(m.Look(1, 1, 0, Region(0, 0, 10, 10)))
    engine.receive(m.Train(on=True))
    engine.work()
    engine.receive(m.Train(on=False))
    said.clear()
    engine.receive(m.Restore())
    assert len(of(m.Scored, said)) == 1
    rest(engine)
    assert of(m.Tile, said)


def test_strokes_become_an_overlay(project: Project) -> None:
    """Strokes that come while the engine is open are learned, shown, scored on request and saved."""
    engine, said = engine_of(project)
    engine.receive(m.Look(1, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
    paint(project)
    engine.receive(m.Annotated())
    engine.receive(m.Train(on=True))
    assert engine.has_work
    for _ in range(60):
        engine.work()
    assert {progress.state for progress in of(m.Progress, said)} >= {"training"}
    assert of(m.Progress, said)[-1].step > 5
    assert of(m.Tile, said)
    engine.receive(m.Train(on=False))
    rest(engine)
    assert of(m.Scored, said)[-1].score.step == of(m.Progress, said)[-1].step
    assert said[-1].state == "paused"
    assert {path.name for path in project.models.glob("*.safetensors")} == {"best.safetensors", "last.safetensors"}
    again, words = engine_of(project)
    assert of(m.Scored, words)[0].score.step == of(m.Scored, said)[-1].score.step
    again.receive(m.Train(on=True))
    again.work()
    assert of(m.Progress, words)[-1].step >= of(m.Progress, said)[-1].step


def exported(engine: "Engine", said: list[Any]) -> tuple[str, ...]:
    """Work until an export ends."""
    ended = len(of(m.Exported, said))
    while len(of(m.Exported, said)) == ended:
        engine.work()
    return of(m.Exported, said)[-1].paths


def test_a_failed_export_does_not_stop_the_rest(trained: Project, tmp_path: Path) -> None:
    """Files are written and named; an unknown format is an error after which learning and exporting go on."""
    paint(trained)
    engine, said = engine_of(trained)
    engine.receive(m.Train(on=True))
    engine.receive(m.Export((1,), str(tmp_path / "out"), ("tiff",)))
    assert all(Path(path).is_file() for path in exported(engine, said))
    engine.receive(m.Export((1,), str(tmp_path / "other"), ("docx",)))
    with pytest.raises(UserError, match=r"^NU-E02: ") as caught:
        exported(engine, said)
    assert of(m.Exported, said)[-1].paths == ()
    assert not (tmp_path / "other").exists()
    engine.stop_after(caught.value)
    engine.work()
    assert of(m.Progress, said)[-1].state == "training"
    engine.receive(m.Export((1,), str(tmp_path / "other"), ("png",)))
    assert exported(engine, said)


def test_after_an_error_tiles_come_again_with_the_next_look(trained: Project) -> None:
    """Also with one of the same generation, which the window repeats when the user starts the training again."""
    paint(trained)
    engine, said = engine_of(trained)
    look = m.Look(1, 1, 0, Region(0, 0, HEIGHT, WIDTH))
    engine.receive(look)
    engine.stop_after(UserError("NU-P04", "the file is gone", "there", "find it"))
    rest(engine)
    assert not of(m.Tile, said)
    engine.receive(look)
    engine.receive(m.Train(on=True))
    engine.work()
    assert of(m.Tile, said)


@pytest.fixture
def stack(trained: Project, tmp_path: Path) -> tuple[Project, int]:
    """A trained project, and an image of six planes in it."""
    pixels = np.random.default_rng(3).integers(0, 255, (6, HEIGHT, WIDTH)).astype(np.uint8)
    np.save(tmp_path / "stack.npy", pixels)
    return trained, trained.add_image(open_image(tmp_path / "stack.npy"), tmp_path / "stack.npy").id


def test_a_stroke_is_answered_while_a_stack_is_exported(stack: tuple[Project, int], tmp_path: Path) -> None:
    """Exporting takes turns with tiles on screen and with training; the mask is of the network it began with."""
    project, image_id = stack
    engine, said = engine_of(project)
    engine.receive(m.Export((image_id,), str(tmp_path / "alone"), ("npy",)))
    (alone, *_) = exported(engine, said)
    said.clear()
    paint(project)
    engine.receive(m.Annotated())
    engine.receive(m.Look(1, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
    engine.receive(m.Train(on=True))
    engine.receive(m.Export((image_id,), str(tmp_path / "beside"), ("npy",)))
    (beside, *_) = exported(engine, said)
    assert engine.learner.trainer.step_count > 0
    between = said[: said.index(of(m.Exported, said)[0])]
    assert [message.share for message in of(m.Exporting, between)] == [pytest.approx(n / 6) for n in range(1, 7)]
    assert of(m.Tile, between)
    np.testing.assert_array_equal(np.load(alone), np.load(beside))


def test_an_export_of_an_image_that_is_gone_is_given_up(stack: tuple[Project, int], tmp_path: Path) -> None:
    """One line, once; not tried for ever."""
    project, image_id = stack
    (tmp_path / "stack.npy").unlink()
    engine, said = engine_of(project)
    engine.receive(m.Export((image_id,), str(tmp_path / "out"), ("npy",)))
    with pytest.raises(UserError, match=r"^NU-P04: "):
        engine.work()
    rest(engine)
    assert [message.paths for message in of(m.Exported, said)] == [()]


def test_all_images_are_exported_with_one_table(stack: tuple[Project, int], tmp_path: Path) -> None:
    """Each image has its files; the joint tables hold the rows of all; an image that is gone is told and left out.

    It is no ``Failed``, which the window takes for the end of the training.
    """
    project, image_id = stack
    pixels = np.random.default_rng(5).integers(0, 255, (40, 50)).astype(np.uint8)
    np.save(tmp_path / "gone.npy", pixels)
    gone = project.add_image(open_image(tmp_path / "gone.npy"), tmp_path / "gone.npy").id
    (tmp_path / "gone.npy").unlink()
    engine, said = engine_of(project)
    engine.receive(m.Export((1, gone, image_id), str(tmp_path / "out"), ("csv",)))
    paths = [Path(path) for path in exported(engine, said)]
    assert [message.line[:6] for message in of(m.Noticed, said)] == ["NU-P04"]
    assert not of(m.Failed, said)
    shares = [message.share for message in of(m.Exporting, said)]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    names = [path.name for path in paths]
    joint = f"{project.folder.stem}-all"
    assert names[-2:] == [f"{joint}.csv", f"{joint}-summary.csv"]
    assert not any(name.startswith("gone") for name in names)
    for ending in (".csv", "-summary.csv"):
        single = [path.read_text("utf-8").splitlines()[1:] for path in paths if path.name == f"stack{ending}"]
        rows = (tmp_path / "out" / f"{joint}{ending}").read_text("utf-8").splitlines()[1:]
        assert single[0]
        assert len([row for row in rows if row.startswith('"stack"')]) == len(single[0])
        assert {row.split(",")[0] for row in rows} == {'"stack"', f'"{project.images.get(1).name}"'}


def test_exported_planes_are_seen(stack: tuple[Project, int], tmp_path: Path) -> None:
    """Those of the stack on screen come as tiles, but for the plane on screen, which has its own; others do not."""
    project, image_id = stack
    engine, said = engine_of(project)
    engine.receive(m.Look(5, image_id, 2, Region(0, 0, HEIGHT, WIDTH)))
    rest(engine)
    live = put_together(of(m.Tile, said))
    said.clear()
    engine.receive(m.Export((image_id,), str(tmp_path / "out"), ("npy",)))
    (path, *_) = exported(engine, said)
    tiles = of(m.Tile, said)
    assert [tile.plane for tile in tiles] == [0, 1, 3, 4, 5]
    assert {(tile.generation, tile.image_id) for tile in tiles} == {(5, image_id)}
    mask = np.load(path).reshape(6, HEIGHT, WIDTH) + 1
    for tile in tiles:
        np.testing.assert_array_equal(tile.array(), mask[tile.plane])
    np.testing.assert_array_equal(live, mask[2])
    said.clear()
    engine.receive(m.Look(6, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
    rest(engine)
    engine.receive(m.Export((image_id,), str(tmp_path / "out"), ("npy",)))
    exported(engine, said)
    assert {tile.image_id for tile in of(m.Tile, said)} == {1}


def test_an_export_is_paused_resumed_and_cancelled(stack: tuple[Project, int], tmp_path: Path) -> None:
    """Paused it waits with what is predicted; resumed it goes on there; cancelled nothing is written."""
    project, image_id = stack
    engine, said = engine_of(project)
    engine.receive(m.Export((image_id,), str(tmp_path / "out"), ("npy",)))
    while not of(m.Exporting, said):
        engine.work()
    engine.receive(m.PauseExport(on=True))
    rest(engine)
    assert len(of(m.Exporting, said)) == 1
    engine.receive(m.PauseExport(on=False))
    assert exported(engine, said)
    assert [message.share for message in of(m.Exporting, said)] == [pytest.approx(n / 6) for n in range(1, 7)]
    engine.receive(m.Export((image_id,), str(tmp_path / "none"), ("npy",)))
    engine.work()
    engine.receive(m.PauseExport(on=True))
    engine.receive(m.CancelExport())
    rest(engine)
    assert of(m.Exported, said)[-1].paths == ()
    assert not (tmp_path / "none").exists()
    engine.receive(m.Export((image_id,), str(tmp_path / "out"), ("npy",)))  # a pause does not outlive it
    assert exported(engine, said)
    engine.receive(m.PauseExport(on=True))  # pressed while the last file was written: too late
    engine.receive(m.Export((image_id,), str(tmp_path / "out"), ("npy",)))
    assert engine.has_work
    assert exported(engine, said)


def test_export_needs_a_network(project: Project, tmp_path: Path) -> None:
    """Nothing learned, nothing written."""
    engine, _ = engine_of(project)
    engine.receive(m.Export((1,), str(tmp_path / "out"), ("tiff",)))
    with pytest.raises(UserError, match=r"^NU-E05: "):
        engine.work()
    assert not engine.has_work


def test_the_weight_map_is_that_of_training(project: Project) -> None:
    """Trained pixels weigh as in a training tile, all others 0; the newest wish is answered, once, training or not."""
    engine, said = engine_of(project)
    engine.receive(m.ShowWeights(1, 0))
    rest(engine)
    (empty,) = of(m.Weights, said)
    assert empty.array().shape == (HEIGHT, WIDTH)
    assert not empty.array().any()
    labels = project.strokes.plane(1, 0)
    labels[20:30, 20:30] = labels[20:30, 34:44] = 2
    labels[22:28, 31:33] = labels[5:9, 5:150] = 1
    project.commit(1, 0, labels)
    engine.receive(m.Annotated())
    engine.receive(m.ShowWeights(1, 3))
    engine.receive(m.ShowWeights(1, 0))
    engine.work()
    _, sent = of(m.Weights, said)
    assert (sent.image_id, sent.plane, sent.factor) == (1, 0, 1)
    annotations = Annotations(project)
    annotations.refresh(project.settings.read())
    plane = annotations.planes[1, 0]
    balance = class_table(class_weights(annotations.counts()))
    expected = balance[plane.labels[:]] * plane.weights(Region(0, 0, HEIGHT, WIDTH))
    np.testing.assert_array_equal(sent.array(), expected.astype(np.float16))
    line = sent.array()[5:9]
    assert line.any()
    assert sent.array()[24, 31] > 2 * line.max()
    np.testing.assert_array_equal(sent.array() > 0, annotations.planes[1, 0].trained)
    rest(engine)
    assert len(of(m.Weights, said)) == 2


# The process


def wait(condition: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    """Ask again and again; what the condition gave at last."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie that nobody has collected has)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return Path("/proc").is_dir() or sys.platform != "linux"


def hear(client: WorkerProcess, kind: type) -> Any:
    """Wait for a message of this kind."""
    return wait(lambda: next((message for message in client.poll() if isinstance(message, kind)), None))


def test_a_worker_works_and_ends_with_its_window(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real process says that it is ready, predicts, and ends by itself within five seconds of the last word."""
    monkeypatch.setenv("NAPARI_UNET_DEVICE", "cpu")
    client = WorkerProcess(trained.folder / "worker.log")
    try:
        assert hear(client, m.Ready).device == "cpu"
        client.send(m.Open(str(trained.folder)))
        client.send(m.Look(5, 1, 0, Region(0, 0, HEIGHT, WIDTH)))
        assert hear(client, m.Tile).generation == 5
        client.send(m.Open(str(trained.folder / "none")))
        assert hear(client, m.Failed).line.startswith("NU-P01: ")
        assert client.exit_code is None
    finally:
        client.close()
    assert client.exit_code == 0  # by itself: a kill would show
    client.close()


PARENT = """
import sys, time
from napari_unet.controller.worker_process import WorkerProcess
from napari_unet.protocol.messages import Ready
client = WorkerProcess()
while not any(isinstance(message, Ready) for message in client.poll()):
    time.sleep(0.02)
print(client.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed by signal")
def test_a_killed_window_leaves_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the window's process is killed, its worker is gone soon after."""
    monkeypatch.setenv("NAPARI_UNET_DEVICE", "cpu")
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
    assert wait(lambda: gone(pid), 5.0)


@pytest.mark.parametrize("data", [b"\xff" * 1000, struct.pack(">I", 3) + b"\xc1\xc1\xc1" + b"\x00" * 100])
def test_garbage_ends_the_worker(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that cannot be trusted is not listened to any longer: a clean end without a traceback."""
    monkeypatch.setenv("NAPARI_UNET_DEVICE", "cpu")
    command = [sys.executable, "-P", "-m", "napari_unet.worker"]
    done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"Failed" not in done.stdout


STUCK = """
import sys, time
from napari_unet.worker import __main__ as worker

class Stuck:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == "napari_unet.network.device":  # which imports torch
            print("importing", flush=True)
            time.sleep(600)

sys.meta_path.insert(0, Stuck)
worker._LAST_WORDS_S = 600.0
sys.exit(worker.main())
"""


def test_a_worker_that_has_done_nothing_ends_at_once() -> None:
    """A window that is closed soon after it was opened does not wait until torch is loaded."""
    command = [sys.executable, "-P", "-c", STUCK]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=child_environment(os.environ)) as worker:
        assert worker.stderr is not None
        assert worker.stderr.readline() == b"importing\n"  # what a library prints goes to the log
        try:
            worker.communicate(timeout=PATIENCE_S)
        finally:
            worker.kill()
    assert worker.returncode == 0
