"""Laws of the controller: what reaches the screen, when training starts, and what a dead worker costs."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import msgspec
import numpy as np
import pytest
import tifffile
from controller_bench import SIDE, VIEW, Bench, tile

from napari_unet.config import Settings
from napari_unet.controller.news import ErrorLine, ImageShown, Notice, ProjectOpened
from napari_unet.errors import UserError
from napari_unet.evaluation.scores import Score
from napari_unet.images.image import Image
from napari_unet.images.object_labels import object_labels
from napari_unet.images.reading import open_image
from napari_unet.images.tiles import Region
from napari_unet.project.project import Project
from napari_unet.protocol import messages as m
from napari_unet.protocol.exit_code import LOST_DEVICE


def test_a_notice_stops_nothing(bench: Bench) -> None:
    """It is shown, and training goes on."""
    bench.controller.training.start()
    bench.client.inbox.append(m.Noticed("NU-I16: a, b, c"))
    bench.controller.tick()
    assert bench.told(Notice) == [Notice("NU-I16: a, b, c")]
    assert bench.controller.training.is_on


def test_the_worker_is_started_with_the_project(bench: Bench) -> None:
    """Opening starts one worker, tells it the folder, and makes two classes to paint with."""
    assert bench.controller.project is not None
    folder = bench.controller.project.folder
    assert bench.client.log == folder / "worker.log"
    assert bench.client.sent == [m.Open(str(folder))]
    assert [label.id for label in bench.controller.project.classes.all()] == [1, 2]


def test_an_answer_to_an_old_wish_is_never_shown(bench: Bench) -> None:
    """A tile of the present generation is drawn where it belongs; one of a plane that was left is dropped."""
    bench.controller.view.look(0, VIEW)
    old = bench.controller.generation
    assert bench.client.sent[-1] == m.Look(old, 1, 0, Region(0, 0, 50, 60))
    bench.client.inbox = [tile(old)]
    bench.controller.tick()
    assert bench.told(m.Tile) == [tile(old)]
    bench.controller.view.look(1, VIEW)
    new = bench.controller.generation
    assert new > old
    bench.heard.clear()
    bench.client.inbox = [tile(old), tile(new + 1)]
    bench.controller.tick()
    assert bench.heard == []
    bench.client.inbox = [tile(new, 1)]
    bench.controller.tick()
    assert bench.heard == [tile(new, 1)]


def test_test_areas_are_told_once(bench: Bench) -> None:
    """They are on disk when the worker hears of them; the same again is nothing; planes left out lose theirs."""
    areas = {0: (Region(3, 3, 20, 20),), 1: (Region(0, 0, 9, 9),)}
    assert bench.controller.strokes.mark_test_areas(areas)
    assert not bench.controller.strokes.mark_test_areas(areas)
    assert bench.client.sent.count(m.Annotated()) == 1
    assert bench.controller.strokes.mark_test_areas({1: areas[1]})
    assert bench.controller.project is not None
    assert bench.controller.project.test_areas.of(1) == {1: areas[1]}


def test_a_look_is_told_once(bench: Bench) -> None:
    """The same view is not asked for again; a moved one is, in the same generation."""
    for view in (VIEW, VIEW, Region(5, 5, 60, 60)):
        bench.controller.view.look(0, view)
    looks = [message for message in bench.client.sent if isinstance(message, m.Look)]
    assert [look.visible for look in looks] == [Region(0, 0, 50, 60), Region(5, 5, 60, 60)]
    assert len({look.generation for look in looks}) == 1
    bench.controller.view.look(0, Region(5, 5, 60, 60), small=True)
    assert bench.client.sent[-1] == m.Look(looks[0].generation, 1, 0, Region(5, 5, 60, 60), small=True)


def test_commit_is_on_disk_before_it_returns(bench: Bench) -> None:
    """What commit answers for can be read by another process; the worker is told once; nothing new is nothing."""
    assert bench.controller.project is not None
    assert bench.paint(1)
    with Project(bench.controller.project.folder, read_only=True) as other:
        np.testing.assert_array_equal(other.strokes.plane(1, 0), bench.labels)
    assert not bench.controller.strokes.commit(0, bench.labels)
    assert bench.client.sent.count(m.Annotated()) == 1


def test_the_second_class_starts_training(bench: Bench) -> None:
    """One class cannot be learned; the first stroke of a second one starts by itself, once."""
    bench.paint(1)
    assert not bench.controller.training.is_on
    bench.paint(2)
    bench.labels[40:50] = 2
    bench.controller.strokes.commit(0, bench.labels)
    assert bench.controller.training.is_on
    assert bench.client.sent.count(m.Train(on=True)) == 1


def test_a_pause_holds(bench: Bench) -> None:
    """After the user paused, strokes do not start the training again; the user's own start does."""
    bench.paint(1)
    bench.controller.training.pause()
    bench.paint(2)
    assert not bench.controller.training.is_on
    assert m.Train(on=True) not in bench.client.sent
    bench.controller.training.start()
    assert bench.client.sent[-1] == m.Train(on=True)


@pytest.mark.parametrize("paused", [False, True])
def test_learning_rests_without_an_image(bench: Bench, paused: bool) -> None:
    """It goes on with the next image, unless the user had paused."""
    for value in (1, 2):
        bench.paint(value)
    image, training = bench.controller.image, bench.controller.training
    if paused:
        training.pause()
    training.rest()
    bench.controller.leave_image()
    assert not training.is_on
    assert bench.client.sent[-1] == m.Train(on=False)
    bench.controller.show_image(image)
    bench.controller.publish(ImageShown(image))
    assert training.is_on is not paused
    training.start()
    begun = bench.client.sent.count(m.Train(on=True))
    bench.controller.publish(ImageShown(image))
    assert bench.client.sent.count(m.Train(on=True)) == begun  # once, not with every further image


@pytest.mark.parametrize("way", ["start", "stroke"])
def test_the_overlay_goes_on_with_the_training_after_an_error(bench: Bench, way: str) -> None:
    """The worker has dropped the view when it stopped, so it is told of it again, before it trains."""
    bench.controller.view.look(0, VIEW)
    bench.paint(1)
    bench.paint(2)
    bench.client.inbox = [m.Failed("NU-W03: the worker met an error, worker.log has the details, press Start")]
    bench.controller.tick()
    assert not bench.controller.training.is_on
    asked = len(bench.client.sent)
    if way == "start":
        bench.controller.training.start()
    else:
        bench.labels[60:70] = 2
        bench.controller.strokes.commit(0, bench.labels)
    said = [message for message in bench.client.sent[asked:] if not isinstance(message, m.Annotated)]
    assert said == [m.Look(bench.controller.generation, 1, 0, VIEW), m.Train(on=True)]


def test_an_image_whose_file_was_found_is_looked_at_again(bench: Bench) -> None:
    """The worker drops the view of an image that it opens anew."""
    bench.controller.view.look(0, VIEW)
    bench.controller.open_anew(1)
    assert bench.client.sent[-2:] == [m.Corrected(1), m.Look(bench.controller.generation, 1, 0, VIEW)]


def test_objects_are_annotated_at_once(bench: Bench) -> None:
    """Where nothing is painted, on the planes that have some; one message, and training begins."""
    bench.paint(1)
    objects = np.zeros((SIDE, SIDE), np.uint16)
    objects[4:20, 10:20], objects[4:20, 20:40] = 300, 4
    before = bench.client.sent.count(m.Annotated())
    taken = bench.controller.strokes.take_objects({1: objects}, 2)
    assert bench.client.sent.count(m.Annotated()) == before + 1
    assert bench.controller.training.is_on
    project = bench.controller.present_project()
    np.testing.assert_array_equal(taken[1], object_labels(objects))
    np.testing.assert_array_equal(project.strokes.plane(1, 1), taken[1])
    assert (project.strokes.plane(1, 0) == bench.labels).all()
    with pytest.raises(UserError, match=r"^NU-A11: "):
        bench.controller.strokes.take_objects({1: objects}, 2)


def test_the_best_network_can_be_asked_for(bench: Bench) -> None:
    """One call, one message."""
    bench.controller.training.restore_best()
    assert bench.client.sent[-1] == m.Restore()


def test_starting_by_itself_can_be_switched_off(bench: Bench) -> None:
    """The setting is obeyed."""
    assert bench.controller.project is not None
    bench.controller.project.settings.write(Settings(start_by_itself=False))
    bench.paint(1)
    bench.paint(2)
    assert not bench.controller.training.is_on


def test_a_dead_worker_is_replaced(bench: Bench) -> None:
    """The new one is told the project, the view and that it trains; painting meanwhile is kept."""
    bench.paint(1)
    bench.paint(2)
    bench.controller.view.look(0, VIEW)
    bench.die()
    assert len(bench.clients) == 2
    assert bench.clients[0].closed
    kinds = [type(message) for message in bench.client.sent]
    assert kinds == [m.Open, m.Look, m.Train]
    assert bench.client.sent[2] == m.Train(on=True)
    assert bench.paint(1) is False
    bench.labels[60:70] = 1
    assert bench.controller.strokes.commit(0, bench.labels)
    assert bench.client.sent[-1] == m.Annotated()


def test_a_dying_worker_is_given_up(bench: Bench) -> None:
    """Three deaths in a minute are mended, the fourth ends it with one NU-W05; the user's start tries again."""
    bench.controller.training.start()
    for _ in range(4):
        bench.now += 5
        bench.die()
    assert len(bench.clients) == 4
    assert not bench.controller.worker.is_running
    assert not bench.controller.training.is_on
    assert sum("NU-W05" in line for line in bench.lines()) == 1
    bench.controller.tick()
    assert sum("NU-W05" in line for line in bench.lines()) == 1
    bench.paint(1)  # painting goes on without a worker
    bench.controller.training.start()
    assert len(bench.clients) == 5
    assert bench.client.sent[-1] == m.Train(on=True)


def test_rare_deaths_are_always_mended(bench: Bench) -> None:
    """Only deaths within a minute count."""
    for _ in range(8):
        bench.now += 30
        bench.die()
    assert bench.controller.worker.is_running
    assert not any("NU-W05" in line for line in bench.lines())


def wait(bench: Bench, seconds: float, *, alive: bool = True) -> None:
    """Time goes by, looked at every second, with a sign of life each time or without."""
    for _ in range(round(seconds)):
        bench.now += 1
        if alive:
            bench.client.inbox.append(m.Alive())
        bench.controller.tick()


def test_a_worker_without_signs_is_replaced(bench: Bench) -> None:
    """Fifteen seconds of silence end it, with one NU-W07; one that gives signs lives for ever."""
    bench.controller.training.start()
    wait(bench, 300)
    assert len(bench.clients) == 1
    wait(bench, 15, alive=False)
    assert not bench.clients[0].killed
    wait(bench, 1, alive=False)
    assert bench.clients[0].killed
    assert bench.clients[0].closed
    assert len(bench.clients) == 2
    assert [line[:6] for line in bench.lines()] == ["NU-W07"]
    assert bench.client.sent[-1] == m.Train(on=True)


def test_a_worker_that_never_speaks_is_given_up(bench: Bench) -> None:
    """Python takes its time to start, but not for ever; after three restarts it stays as it is, with two lines."""
    wait(bench, 30, alive=False)
    assert len(bench.clients) == 1
    bench.now += 2
    bench.controller.tick()
    assert len(bench.clients) == 2
    wait(bench, 200, alive=False)
    assert {line[:6] for line in bench.lines()} <= {"NU-W07", "NU-W05"}


def test_a_sleep_is_no_hang(bench: Bench) -> None:
    """Ten minutes in which this process did not run either count for nothing; silence after them does."""
    wait(bench, 5)
    bench.now += 600
    bench.controller.tick()
    wait(bench, 14, alive=False)
    assert len(bench.clients) == 1
    wait(bench, 3, alive=False)
    assert len(bench.clients) == 2


def test_a_worker_that_the_system_ended_asks_for_less(bench: Bench) -> None:
    """Once for every death by the system, which takes the largest process; other deaths and starts by hand do not."""
    bench.die()
    bench.die()
    assert bench.client.sent[0].memory_steps == 2
    bench.client.exit_code = 1
    bench.controller.tick()
    assert bench.client.sent[0].memory_steps == 2
    bench.controller.training.stop()
    bench.controller.training.start()
    assert bench.client.sent[0].memory_steps == 0


def test_a_lost_device_is_spared(bench: Bench) -> None:
    """A worker whose graphics processor failed is started again without it."""
    bench.client.exit_code = LOST_DEVICE
    bench.controller.tick()
    assert bench.client.sent[0].spare_device
    assert [line[:6] for line in bench.lines()] == ["NU-W06"]


def test_a_worker_that_cannot_be_started_is_told(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one line, nothing is left that waits for it, and painting goes on."""
    error = UserError("NU-W08", "the worker cannot be started", "python", "try again")
    bench.controller.training.start()
    bench.controller.exports.begin(tmp_path / "out", ("tiff",))
    monkeypatch.setattr(bench.controller.worker, "start_process", Mock(side_effect=error))
    bench.client.exit_code = 1
    bench.controller.tick()
    assert [line[:6] for line in bench.lines()] == ["NU-W06", "NU-W08"]
    assert not bench.controller.worker.is_running
    assert not bench.controller.training.is_on
    assert bench.told(m.Exported) == [m.Exported(())]
    bench.controller.tick()
    assert bench.paint(1)
    assert bench.paint(2)
    assert len(bench.lines()) == 2


def test_strokes_are_saved_where_no_worker_can_be_started(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that would begin the training raises nothing, for what it stored is on the disk."""
    bench.controller.worker.stop()
    bench.controller.training.allow()
    error = UserError("NU-W08", "the worker cannot be started", "python", "try again")
    monkeypatch.setattr(bench.controller.worker, "start_process", Mock(side_effect=error))
    assert bench.paint(1)
    assert bench.lines() == []
    assert bench.paint(2)
    bench.labels[50] = 2
    assert bench.paint(2)
    assert [line[:6] for line in bench.lines()] == ["NU-W08"]
    assert not bench.controller.training.is_on


def test_a_message_that_nobody_can_use_costs_no_other(bench: Bench) -> None:
    """Of an image that was removed while the worker spoke of it; the end of an export comes in the same moment."""

    def refuse(other: m.OtherPixelSize) -> None:
        raise UserError("NU-P05", f"there is no image {other.image_id}", "p.unet", "choose another")

    bench.controller.subscribe(m.OtherPixelSize, refuse)
    bench.client.inbox += [m.OtherPixelSize(7, (2.0, 2.0)), m.Exported(("x.tif",))]
    bench.controller.tick()
    assert bench.told(m.Exported) == [m.Exported(("x.tif",))]
    assert [line[:6] for line in bench.lines()] == ["NU-P05"]


def test_a_project_is_open_without_a_worker(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody hears of it before the line that says so; no stroke is taken until an image of it is worked on."""
    error = UserError("NU-W08", "the worker cannot be started", "python", "try again")
    monkeypatch.setattr(bench.controller.worker, "start_process", Mock(side_effect=error))
    bench.controller.subscribe(ProjectOpened, lambda opened: bench.heard.append(opened.project.folder))
    project = bench.controller.open_project(tmp_path / "q.unet")
    assert bench.heard[-1].line[:6] == "NU-W08"
    assert bench.heard[-2] == project.folder
    with pytest.raises(UserError, match=r"^NU-W04: "):
        bench.paint(1)
    bench.controller.show_image(project.add_image(Image("noise", np.ones((SIDE, SIDE)), "yx")))
    assert bench.paint(1)


def test_a_project_opened_read_only_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    """It can be looked at while another window writes it; strokes, classes and training are refused with NU-P11."""
    bench.paint(1)
    assert bench.controller.project is not None
    folder = bench.controller.project.folder
    other = Bench(tmp_path / "q.unet")
    with pytest.raises(UserError, match=r"^NU-P09: "):
        other.controller.open_project(folder)
    assert other.controller.project is not None
    assert other.controller.project.folder == tmp_path / "q.unet"
    project = other.controller.open_project(folder, read_only=True)
    assert other.client.sent == [m.Open(str(folder), read_only=True)]
    other.controller.show_image(project.images.get(1))
    np.testing.assert_array_equal(project.strokes.plane(1, 0), bench.labels)
    other.labels[40:50] = 1
    for refused in (lambda: other.paint(1), other.controller.training.start, other.controller.training.restore_best):
        with pytest.raises(UserError, match=r"^NU-P11: "):
            refused()
    other.client.inbox.append(m.Scored(Score(3, 0.5, ()), 0.25))
    other.controller.tick()
    assert bench.paint(2)
    assert project.scores.all() == []
    other.controller.close()
    bench.controller.close()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("INSERT INTO settings VALUES ('warp', '9')", "NU-C01"),
        ("UPDATE classes SET colour = 'no colour' WHERE id = 1", "NU-P12"),
    ],
)
def test_a_project_that_cannot_be_read_takes_the_place_of_none(
    bench: Bench, tmp_path: Path, query: str, code: str
) -> None:
    """It was left half open: the present project closed, the other one locked, and no worker."""
    with Project(tmp_path / "other.unet") as other:
        other.add_class("a")
        with other.database.transaction() as connection:
            connection.execute(query)
    present = bench.controller.project
    bench.heard.clear()
    with pytest.raises(UserError, match=f"^{code}: "):
        bench.controller.open_project(tmp_path / "other.unet")
    assert bench.controller.project is present
    assert bench.told(ProjectOpened) == []
    assert bench.client.sent
    Project(tmp_path / "other.unet").close()


def test_the_same_project_can_be_opened_again(bench: Bench) -> None:
    """The window that has it open is no other writer."""
    assert bench.controller.project is not None
    bench.controller.open_project(bench.controller.project.folder)
    assert bench.controller.project is not None


def test_a_disk_that_fills_up_is_told_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything fails, and again only after there was room in between; an export to a full disk is told too."""
    free = [10**9]
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free[0]))
    for bytes_free, told in ((10**9, 0), (10**6, 1), (10**6, 1), (10**9, 1), (10**6, 2)):
        free[0] = bytes_free
        bench.now += 11
        bench.controller.tick()
        assert len(bench.told(Notice)) == told
    assert "NU-E12: only 0 MB are free" in bench.told(Notice)[-1].line
    bench.controller.exports.begin(Path("out"), ("tiff",))
    assert len(bench.told(Notice)) == 3


def test_one_cause_is_told_once(bench: Bench, tmp_path: Path) -> None:
    """A worker that meets a full disk again and again, and those after it, say so once until it is another cause."""
    full = m.Failed(
        "NU-E01: the disk is full and takes no file, /data/p.unet/models, free some space on the disk /data"
    )
    bench.controller.training.start()
    for _ in range(3):
        bench.client.inbox = [full, full, m.Noticed("NU-T04: x, y, z")]
        bench.controller.tick()
        bench.now += 40
        bench.die()
    died = [line for line in bench.lines() if line.startswith("NU-W06")]
    assert [line for line in bench.lines() if line not in died] == [full.line]
    assert bench.told(Notice) == [Notice("NU-T04: x, y, z")]
    bench.client.inbox = [m.Saved(), full]  # there was room in between
    bench.controller.tick()
    assert bench.lines().count(full.line) == 2
    bench.controller.exports.begin(tmp_path / "out", ("tiff",))  # the user tries, and is told
    bench.client.inbox = [full]
    bench.controller.tick()
    assert bench.lines().count(full.line) == 3


def test_a_worker_at_its_memory_limit_is_told_once(bench: Bench) -> None:
    """Every stroke starts it again and finds the memory full again; the user's own start is worth another line."""
    line = "NU-T03: the memory is not enough for a single tile, CPU, close other programs"
    bench.paint(1)
    for value in range(2, 6):
        bench.labels[value * 5] = 2
        bench.controller.strokes.commit(0, bench.labels.copy())
        assert bench.controller.training.is_on
        bench.client.inbox = [m.Failed(line)]
        bench.controller.tick()
        assert not bench.controller.training.is_on
    assert bench.lines() == [line]
    bench.controller.training.start()
    bench.client.inbox = [m.Failed(line)]
    bench.controller.tick()
    assert bench.lines() == [line, line]


def test_a_score_that_the_disk_does_not_take_is_told_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else that the worker said is lost over it."""
    assert bench.controller.project is not None
    line = "NU-P07: the project cannot be written (full), p.unet, check free space"
    monkeypatch.setattr(
        bench.controller.project.scores, "add", Mock(side_effect=UserError(*line.replace(": ", ", ").split(", ")))
    )
    bench.controller.view.look(0, VIEW)
    for _ in range(3):
        bench.client.inbox = [m.Scored(Score(3, 0.5, ()), 0.25), tile(bench.controller.generation)]
        bench.controller.tick()
    assert bench.told(Notice) == [Notice(line)]
    assert len(bench.told(m.Tile)) == len(bench.told(m.Scored)) == 3


def test_strokes_start_no_worker_that_was_given_up(bench: Bench) -> None:
    """It died again and again: only the user's start tries once more, and nothing is told for every stroke."""
    bench.paint(1)
    bench.paint(2)
    for _ in range(4):
        bench.now += 5
        bench.die()
    told = bench.lines()
    bench.labels[60:70] = 1
    assert bench.controller.strokes.commit(0, bench.labels.copy())
    assert not bench.controller.worker.is_running
    assert bench.lines() == told


def test_what_the_worker_says_is_shown(bench: Bench) -> None:
    """Each kind of message reaches its place in the window; a score of trained steps enters the history."""
    score = Score(3, 0.5, ())
    progress = m.Progress("training", 3, 0.1, 0)
    bench.client.inbox = said = [
        m.Ready("cpu", "CPU"),
        progress,
        m.Scored(score, 0.25),
        m.Agreed(0.5, 3),
        m.Exported(("a.tif",)),
        m.Failed("NU-W03: x, y, z"),
        m.Noticed("NU-T04: x, y, z"),
        m.Weights(1, 0, Region(0, 0, 1, 2), 1, bytes(4)),
    ]
    bench.controller.tick()
    news: dict[Any, Any] = {m.Failed: ErrorLine("NU-W03: x, y, z"), m.Noticed: Notice("NU-T04: x, y, z")}
    assert bench.heard == [news.get(type(message), message) for message in said]
    assert bench.controller.project is not None
    assert [record["loss"] for record in bench.controller.project.scores.all()] == [0.25]


def test_annotation_time_goes_on_after_a_reopen(bench: Bench, tmp_path: Path) -> None:
    """Every recorded score tells it; a record without it, as older versions and the command line write, does not."""
    clock = bench.controller.annotation_clock
    clock.press()
    bench.now = 7.0
    clock.release()
    bench.client.inbox.append(m.Scored(Score(4, 0.5, ()), 0.3))
    bench.controller.tick()
    project = bench.controller.project
    assert project is not None
    assert project.scores.all()[-1]["annotation_s"] == 7
    project.scores.add(5, {"mean_dice": 0.6})
    bench.controller.open_project(tmp_path / "another.unet")
    assert clock.seconds == 0
    bench.controller.open_project(project.folder)
    assert clock.seconds == 7


def test_the_weight_map_follows_strokes_planes_and_workers(bench: Bench) -> None:
    """While it is on screen it is asked for anew with every change, after the worker has heard of it; then no more."""
    bench.paint(1)
    assert m.ShowWeights(1, 0) not in bench.client.sent
    bench.controller.view.want_weights(True)
    assert bench.client.sent[-1] == m.ShowWeights(1, 0)
    bench.paint(1)
    assert bench.client.sent.count(m.ShowWeights(1, 0)) == 1
    bench.labels[60:70] = 1
    bench.controller.strokes.commit(0, bench.labels)
    assert bench.client.sent[-2:] == [m.Annotated(), m.ShowWeights(1, 0)]
    bench.controller.change_classes()
    assert bench.client.sent[-2:] == [m.Annotated(), m.ShowWeights(1, 0)]
    bench.controller.view.look(1, VIEW)
    assert m.ShowWeights(1, 1) in bench.client.sent
    bench.die()
    assert m.ShowWeights(1, 1) in bench.client.sent
    bench.controller.training.stop()
    bench.controller.view.want_weights(True)
    assert m.ShowWeights(1, 1) in bench.client.sent
    bench.controller.view.want_weights(False)
    asked = len(bench.client.sent)
    bench.controller.view.look(0, VIEW)
    assert [type(message) for message in bench.client.sent[asked:]] == [m.Look]
    assert len(bench.clients) == 3


def test_a_map_comes_with_the_tiles(bench: Bench) -> None:
    """Wanting one begins a new generation, so that no tile with another map, or none, is shown; giving it up does not.

    A worker that is started anew is told of it.
    """
    bench.controller.view.look(0, VIEW)
    old = bench.controller.generation
    bench.controller.view.want_map("probability", 2)
    new = bench.controller.generation
    assert new > old
    assert bench.client.sent[-1] == m.Look(new, 1, 0, Region(0, 0, 50, 60), "probability", 2)
    with_map = msgspec.structs.replace(tile(new), map=bytes(range(6)))
    bench.client.inbox = [msgspec.structs.replace(with_map, generation=old), with_map, tile(new)]
    bench.controller.tick()
    assert bench.told(m.Tile) == [with_map, tile(new)]
    asked = len(bench.client.sent)
    bench.controller.view.want_map("probability", 2)
    assert len(bench.client.sent) == asked
    bench.die()
    assert m.Look(new, 1, 0, Region(0, 0, 50, 60), "probability", 2) in bench.client.sent
    bench.controller.view.want_map("")
    assert bench.client.sent[-1] == m.Look(new, 1, 0, Region(0, 0, 50, 60))
    bench.controller.training.stop()
    bench.controller.view.want_map("uncertainty")
    assert len(bench.clients) == 3


def test_export_asks_the_worker(bench: Bench, tmp_path: Path) -> None:
    """The present image goes to the folder; without an image the user is told."""
    bench.controller.exports.begin(tmp_path / "out", ("tiff",))
    assert bench.client.sent[-1] == m.Export((1,), str(tmp_path / "out"), ("tiff",))
    bench.controller.close()
    with pytest.raises(UserError, match=r"^NU-W04: "):
        bench.controller.exports.begin(tmp_path, ("tiff",))


def test_ends_of_strokes_are_erased_all_at_once_or_not_at_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is told once; where the disk refuses one of them, the others stay painted too."""
    strokes = bench.controller.present_project().strokes
    for plane in range(2):
        bench.controller.strokes.commit(plane, np.full((SIDE, SIDE), plane + 1, np.uint8))
    parts = [(plane, np.eye(3, dtype=bool), Region(2, 2, 5, 5)) for plane in range(2)]
    painted, told = [strokes.plane(1, plane) for plane in range(2)], bench.client.sent.count(m.Annotated())
    commit, refused = strokes.commit, UserError("NU-P07", "the disk is full", "here", "make room")

    def refuse(image_id: int, plane: int, *rest: Any) -> Any:
        if plane:
            raise refused
        return commit(image_id, plane, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(strokes, "commit", refuse)
        with pytest.raises(UserError, match=r"^NU-P07"):
            bench.controller.strokes.erase(parts)
    for plane in range(2):
        np.testing.assert_array_equal(strokes.plane(1, plane), painted[plane])
    assert bench.client.sent.count(m.Annotated()) == told
    bench.controller.strokes.erase(parts)
    for plane in range(2):
        expected = painted[plane].copy()
        expected[2:5, 2:5][np.eye(3, dtype=bool)] = 0
        np.testing.assert_array_equal(strokes.plane(1, plane), expected)
    assert bench.client.sent.count(m.Annotated()) == told + 1


def test_export_of_all_images_asks_for_each(bench: Bench, tmp_path: Path) -> None:
    """In the order of the project, whichever is on screen; a folder that would take an image's place is refused."""
    project = bench.controller.present_project()
    np.save(tmp_path / "second.npy", np.zeros((50, 60), np.uint8))
    second = project.images.add(open_image(tmp_path / "second.npy"), tmp_path / "second.npy")
    bench.controller.exports.begin(tmp_path / "out", ("csv",), all_images=True)
    assert bench.client.sent[-1] == m.Export((1, second.id), str(tmp_path / "out"), ("csv",))
    with pytest.raises(UserError, match=r"^NU-E06: "):
        bench.controller.exports.begin(tmp_path, ("csv",), all_images=True)
    (tmp_path / "ome").mkdir()
    tifffile.imwrite(tmp_path / "ome" / "a.ome.tif", np.ones((50, 60), np.uint8))
    project.images.add(open_image(tmp_path / "ome" / "a.ome.tif"), tmp_path / "ome" / "a.ome.tif")
    with pytest.raises(UserError, match=r"^NU-E06: "):
        bench.controller.exports.begin(tmp_path / "ome", ("tiff",), all_images=True)


def test_an_export_outlives_one_death_of_the_worker(bench: Bench, tmp_path: Path) -> None:
    """It is asked for again, once; a second death gives it up in one line."""
    wish = m.Export((1,), str(tmp_path), ("tiff",))
    bench.controller.exports.begin(tmp_path, ("tiff",))
    bench.client.exit_code = 1
    bench.controller.tick()
    assert bench.client.sent[-1] == wish
    assert bench.told(m.Exported) == []
    bench.client.exit_code = 1
    bench.controller.tick()
    assert bench.told(m.Exported) == [m.Exported(())]
    assert any("NU-E15" in line for line in bench.lines())
    assert wish not in bench.client.sent


def test_a_pause_outlives_the_worker(bench: Bench, tmp_path: Path) -> None:
    """The button says so still; a new export is not paused."""
    bench.controller.exports.begin(tmp_path, ("tiff",))
    bench.controller.exports.pause(on=True)
    bench.die()
    assert bench.client.sent[-2:] == [m.Export((1,), str(tmp_path), ("tiff",)), m.PauseExport(on=True)]
    bench.controller.exports.begin(tmp_path, ("tiff",))
    bench.die()
    assert not isinstance(bench.client.sent[-1], m.PauseExport)


def test_a_cancelled_export_is_not_begun_again(bench: Bench, tmp_path: Path) -> None:
    """Where the worker dies before it has answered; nor is it called a failure."""
    bench.controller.exports.begin(tmp_path, ("tiff",))
    bench.die()
    bench.controller.exports.cancel()
    bench.die()
    assert bench.told(m.Exported) == [m.Exported(())]
    assert not any(isinstance(message, m.Export) for message in bench.client.sent)
    assert not any("NU-E15" in line for line in bench.lines())


@pytest.mark.parametrize("end", ["stop", "close"])
def test_an_export_ends_with_the_worker(bench: Bench, tmp_path: Path, end: str) -> None:
    """Who stops the worker or leaves the project is not left with a bar."""
    bench.controller.exports.begin(tmp_path, ("tiff",))
    {"stop": bench.controller.training.stop, "close": bench.controller.close}[end]()
    assert bench.told(m.Exported) == [m.Exported(())]


def test_a_finished_export_is_not_asked_for_again(bench: Bench, tmp_path: Path) -> None:
    """What is paused or cancelled is told to the worker; after the end a death costs nothing."""
    bench.controller.exports.begin(tmp_path, ("tiff",))
    bench.controller.exports.pause(on=True)
    bench.controller.exports.cancel()
    assert bench.client.sent[-2:] == [m.PauseExport(on=True), m.CancelExport()]
    bench.client.inbox.append(m.Exporting(0.5))
    bench.client.inbox.append(m.Exported(("a.tif",)))
    bench.controller.tick()
    assert bench.told(m.Exporting) == [m.Exporting(0.5)]
    bench.client.exit_code = 1
    bench.controller.tick()
    assert not any(isinstance(message, m.Export) for message in bench.client.sent)


def test_a_relative_folder_is_the_users_not_the_workers(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker runs elsewhere; what the user calls "out" lies where the user is."""
    monkeypatch.chdir(tmp_path)
    bench.controller.exports.begin(Path("out"), ("tiff",))
    assert bench.client.sent[-1] == m.Export((1,), str(tmp_path / "out"), ("tiff",))


def test_close_lets_go_of_everything(bench: Bench) -> None:
    """The worker is closed, the project can be opened elsewhere, and late calls do nothing."""
    bench.controller.close()
    assert bench.client.closed
    assert bench.controller.project is None
    assert not bench.controller.worker.is_running
    bench.controller.tick()
    bench.controller.view.look(0, VIEW)
    with pytest.raises(UserError, match=r"^NU-W04: "):  # saved it would be nowhere
        bench.controller.strokes.commit(0, bench.labels)
    bench.controller.close()


def test_another_project_gets_another_worker(bench: Bench, tmp_path: Path) -> None:
    """Opening a project closes the worker of the one before."""
    bench.controller.open_project(tmp_path / "q.unet")
    assert [client.closed for client in bench.clients] == [True, False]
    assert bench.client.sent == [m.Open(str(tmp_path / "q.unet"))]


def test_what_was_taken_over_is_no_stroke_of_the_users(bench: Bench) -> None:
    """The worker hears it of the commit that follows, and of none when nothing could be taken over."""
    bench.paint(1)
    inside = np.zeros((SIDE, SIDE), bool)
    with pytest.raises(UserError, match=r"^NU-A11: "):
        bench.controller.strokes.accept(0, inside)
    bench.paint(2)
    assert [message.own for message in bench.client.sent if isinstance(message, m.Annotated)] == [True, True]
    bench.controller.view.look(0, VIEW)
    bench.client.inbox = [m.Tile(bench.controller.generation, 1, 0, Region(0, 0, SIDE, SIDE), bytes([1]) * SIDE**2, 9)]
    bench.controller.tick()
    inside[15] = True
    taken = bench.controller.strokes.accept(0, inside)
    assert (taken == 1).any()
    assert not taken[~inside].any()
    bench.labels = np.maximum(bench.labels, taken)
    assert not bench.controller.strokes.commit(0, bench.labels.copy())
    bench.labels[17] = 1
    assert bench.controller.strokes.commit(0, bench.labels.copy())
    assert [message.own for message in bench.client.sent if isinstance(message, m.Annotated)][2:] == [False, True]


def test_an_answer_about_where_to_paint_never_comes_too_late(bench: Bench) -> None:
    """Only the newest question is answered on screen, and none after a stroke was painted since."""
    bench.controller.suggestions.ask()
    number = bench.client.sent[-1].number
    assert bench.client.sent[-1] == m.Suggest(number, 1, 0)
    first, second, third = (m.Suggested(number + n, "unsure", 1, 0, Region(0, 0, 8, 8)) for n in (0, 1, 3))
    bench.controller.suggestions.ask()
    bench.client.inbox = [first, second]
    bench.controller.tick()
    assert bench.told(m.Suggested) == [second]
    bench.paint(1)
    bench.client.inbox = [second]
    bench.controller.tick()
    bench.controller.suggestions.ask()
    bench.client.inbox = [third]
    bench.controller.tick()
    assert bench.told(m.Suggested) == [second, third]
