"""Laws of base training: the recipe, the loop, the files in the end, rounds that go on from weights."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import io

from napari_unet.network.base import base_weights, from_base
from napari_unet.network.checkpoint import save_checkpoint
from napari_unet.network.device import choose_device
from napari_unet.network.presets import PRESETS
from napari_unet.network.reading import open_network

if not (Path(__file__).parents[2] / "scripts").is_dir():
    pytest.skip("not a checkout", allow_module_level=True)

from scripts.base.batch import Stream, batches
from scripts.base.episodes import Tasks
from scripts.base.filters import responses
from scripts.base.losses import Terms
from scripts.base.recipe import Recipe, recipe_for
from scripts.base.sets import SOURCES, BaseSet
from scripts.base.strokes import Hand
from scripts.base.training import BaseTrainer, Log, train
from scripts.train_base import main

SIDE = 64
TASKS = Tasks(corrected=0.25, hand=Hand(careless=0.3, slips=0.1))
RECIPE = Recipe(steps=3, widths=(4, 6), side=32, episodes=2, tasks=TASKS)
CPU = choose_device("cpu", "float32")


@pytest.fixture(scope="module")
def labelled_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two labelled sets, axon and nucleolus: pictures with bright discs of two classes."""
    data = tmp_path_factory.mktemp("data")
    rows, columns = np.mgrid[:150, :140]
    for number, name in enumerate(("axon-myelin-sem", "nucleolus-fluo")):
        classes = np.zeros((150, 140), np.uint8)
        for y, x in np.random.default_rng(number).integers(0, 140, (12, 2)):
            away = np.hypot(rows - y, columns - x)
            classes[away < 20] = 1
            classes[away < 12] = 2
        for kind, values in {"images": 100 * classes, "masks": classes}.items():
            (data / name / kind).mkdir(parents=True)
            io.imsave(data / name / kind / "0.png", values.astype(np.uint8), check_contrast=False)
    return data


def run(data: Path, out: Path, *options: str, sets: tuple[str, ...] = ("axon",)) -> None:
    """Run the command for two steps on these sets alone."""
    without = [name for name in SOURCES if name not in sets]
    shown = ["--data", str(data), "--out", str(out), "--device", "cpu", "--steps", "2", "--episodes", "2"]
    main([*shown, "--without", *without, *options])


def seen_by(trainer: BaseTrainer, x: torch.Tensor) -> list[torch.Tensor]:
    with torch.inference_mode():
        return trainer.network.eval().decoded(x)


def test_the_learning_rate_rises_and_then_falls_to_almost_nothing() -> None:
    """It warms up over steps and cools down over the training."""
    recipe = Recipe()
    assert recipe.rate(0, 0.0) < 0.02 * recipe.rate(99, 0.0)
    assert recipe.rate(99, 0.0) == pytest.approx(recipe.learning_rate, rel=1e-3)
    assert recipe.rate(5000, 0.5) == pytest.approx(recipe.learning_rate / 2, rel=1e-3)
    assert recipe.rate(5000, 1.0) < 1e-5


def test_training_ends_after_its_minutes_or_after_its_steps() -> None:
    """Steps count where they are given."""
    assert Recipe(minutes=2).done(10**6, 60) == 0.5
    assert Recipe(minutes=2, steps=100).done(25, 10**6) == 0.25


def test_a_gpu_gets_many_episodes_and_a_processor_few() -> None:
    """What is given counts on either."""
    assert recipe_for("cpu") == Recipe()
    gpu = recipe_for("cuda", minutes=1.0)
    assert (gpu.episodes, gpu.widths, gpu.minutes) == (64, (16, 32), 1.0)
    assert 1 <= gpu.workers <= 16
    assert (gpu.learning_rate, gpu.warm_up, gpu.weight_decay, gpu.largest_gradient) == (3e-3, 100, 0.02, 1.0)


def test_sets_that_are_left_out_are_not_named() -> None:
    """Leave one set out."""
    assert Recipe(without=("fluo", "vnc")).sources == [name for name in SOURCES if name not in {"fluo", "vnc"}]
    assert Recipe().sources == list(SOURCES)


def test_networks_of_all_widths_learn(base_set: BaseSet) -> None:
    """Each width takes the steps of the recipe, its losses are finite, and its weights are no longer those at first."""
    done = train(RECIPE, [base_set], CPU)
    assert [trainer.width for trainer in done.trainers] == [4, 6]
    assert done.steps == 3
    for trainer in done.trainers:
        assert trainer.log.steps == 3
        assert np.isfinite(list(trainer.log.losses().values())).all()
        first = BaseTrainer(RECIPE, trainer.width, [base_set], CPU).network.state_dict()
        assert not torch.equal(first["down.0.0.weight"], trainer.network.state_dict()["down.0.0.weight"])


def test_the_widths_of_a_round_do_not_disturb_each_other(base_set: BaseSet) -> None:
    """A network learns the same alone as beside another."""
    both = train(RECIPE, [base_set], CPU).trainers[1]
    alone = train(replace(RECIPE, widths=(6,)), [base_set], CPU).trainers[0]
    x = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(seen_by(both, x), seen_by(alone, x), strict=True))


def test_losses_fall(base_set: BaseSet) -> None:
    """On the same batch again and again, every loss ends lower than it began."""
    recipe = replace(RECIPE, episodes=3)
    trainer = BaseTrainer(recipe, 6, [base_set], CPU)
    batch = next(batches(Stream([base_set], recipe.tasks, 32, 3, 0), 0, pinned=False))
    filtered = responses(batch.pixels.flatten(0, 1))
    told = []
    for _ in range(30):
        trainer.log = Log()
        trainer.step(batch, filtered, 3e-3)
        told.append(trainer.log.losses())
    assert all(told[-1][name] < 0.9 * told[0][name] for name in told[0])


def test_no_step_is_taken_on_a_gradient_that_is_not_finite(base_set: BaseSet) -> None:
    """The network stays as it was, and the step is not counted."""
    trainer = BaseTrainer(RECIPE, 4, [base_set], CPU)
    before = {name: tensor.clone() for name, tensor in trainer.network.named_parameters()}
    batch = next(batches(Stream([base_set], RECIPE.tasks, 32, 2, 0), 0, pinned=False))
    batch.pixels[0, 0, 0, 0, 0] = math.nan
    trainer.step(batch, responses(batch.pixels.flatten(0, 1)), 1e-3)
    assert trainer.log.steps == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.network.named_parameters())


def test_a_step_never_asks_its_device_for_a_number(base_set: BaseSet) -> None:
    """On a device that holds no numbers losses and gradients are computed, from nothing that lies elsewhere."""
    trainer = BaseTrainer(RECIPE, 4, [base_set], CPU)
    network, losses = trainer.network.to("meta"), trainer.losses.to("meta")
    tasks = replace(RECIPE.tasks, corrected=1.0)
    batch = next(batches(Stream([base_set], tasks, 32, 4, 0), 0, pinned=False)).to(torch.device("meta"))
    terms = losses(network, batch, responses(batch.pixels.flatten(0, 1)))
    sum(terms).backward()
    assert {term.device.type for term in terms} == {"meta"}
    assert all(parameter.grad is not None for parameter in losses.parameters())
    with pytest.raises(RuntimeError, match="meta"):
        terms.episodic.detach().item()


def test_training_ends_in_a_file_that_the_package_starts_from(base_set: BaseSet, tmp_path: Path) -> None:
    """The file's network sees what the trained one saw, for images of one channel too."""
    trainer = train(RECIPE, [base_set], CPU).trainers[0]
    path = tmp_path / "base.safetensors"
    save_checkpoint(trainer.checkpoint({}), path)
    base = open_network(path)
    assert {tensor.dtype for tensor in base.network_weights.values()} == {torch.float16}
    assert base.step == trainer.log.steps == 3
    x = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        pairs = zip(seen_by(trainer, x), from_base(base, 3, 2).eval().decoded(x), strict=True)
        assert all(torch.allclose(a, b, atol=0.02 * float(a.abs().max())) for a, b in pairs)
        assert from_base(base, 1, 2).eval()(x[:, :1]).shape == (1, 2, SIDE, SIDE)


def test_a_round_begins_where_the_weights_ended(base_set: BaseSet) -> None:
    """The network sees what it saw, to half precision, without norm, and its ridge heads are as they had become."""
    ended = train(replace(RECIPE, steps=8), [base_set], CPU).trainers[1]
    told = ended.checkpoint({})
    begun = BaseTrainer(RECIPE, 6, [base_set], CPU, told)
    assert begun.network.architecture.norm == "none"
    assert begun.log.steps == 0
    x = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    for before, after in zip(seen_by(ended, x), seen_by(begun, x), strict=True):
        assert torch.allclose(before, after, atol=0.02 * float(before.abs().max()))
    new = BaseTrainer(RECIPE, 6, [base_set], CPU).losses.state_dict()
    for name in ("log_penalty", "log_sharpness"):
        assert torch.equal(begun.losses.state_dict()[name], ended.losses.state_dict()[name])
        assert not torch.equal(begun.losses.state_dict()[name], new[name])


def test_the_command_writes_a_file_and_a_card_for_every_width(labelled_sets: Path, tmp_path: Path) -> None:
    """Both open as base weights; the card names sets, recipe, losses and how much was learned from."""
    run(labelled_sets, tmp_path, "--widths", "4", "16", "--corrected", "0.5")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"base{w}.{kind}" for w in (4, 16) for kind in ("safetensors", "json")
    }
    card = json.loads((tmp_path / "base4.json").read_text(encoding="utf-8"))["facts"]
    assert card["sources"] == ["axon"]
    assert (card["steps"], card["episodes"], card["width"]) == (2, 4, 4)
    assert card["recipe"]["tasks"]["corrected"] == 0.5
    assert card["losses"].keys() == set(Terms._fields)
    weights = base_weights(str(tmp_path / "base16.safetensors"))
    assert weights is not None
    base = weights.for_preset(PRESETS["fast"])
    assert base is not None
    assert base.architecture.width == 16


def test_a_second_round_remembers_the_sets_of_the_first(labelled_sets: Path, tmp_path: Path) -> None:
    """Its card names them all, where it began, and its rate, which is lower."""
    run(labelled_sets, tmp_path / "one", "--widths", "4")
    first, second = (tmp_path / name / "base4.safetensors" for name in ("one", "two"))
    run(labelled_sets, tmp_path / "two", "--start", str(first), sets=("axon", "nucleolus"))
    card = json.loads(second.with_suffix(".json").read_text(encoding="utf-8"))["facts"]
    assert card["sources"] == ["axon", "nucleolus"]
    assert card["started_from"] == [open_network(first).fingerprint()]
    assert card["recipe"]["learning_rate"] == 1.2e-3
    with pytest.raises(SystemExit, match="have seen nucleolus"):
        run(labelled_sets, tmp_path / "three", "--start", str(second))


def test_only_base_weights_are_gone_on_from(labelled_sets: Path, tmp_path: Path) -> None:
    """Any other network is refused in one line."""
    run(labelled_sets, tmp_path, "--widths", "4")
    path = tmp_path / "base4.safetensors"
    base = open_network(path)
    grey = from_base(base, 1, 2)
    save_checkpoint(replace(base, architecture=grey.architecture, network_weights=grey.state_dict()), path)
    with pytest.raises(SystemExit, match="base weights only"):
        run(labelled_sets, tmp_path / "two", "--start", str(path))


def test_shares_that_are_too_large_are_refused_in_one_line(labelled_sets: Path, tmp_path: Path) -> None:
    """Drawn images and regions are at most all episodes."""
    with pytest.raises(SystemExit, match="between 0 and 1"):
        run(labelled_sets, tmp_path, "--drawn", "0.7", "--regions", "0.5")


def test_the_losses_that_are_told_are_means() -> None:
    """Each loss is told by its name, as the mean over the last steps."""
    log = Log()
    assert log.losses() == {}
    for value in (1.0, 3.0):
        log.take(Terms(*(torch.tensor(value * factor) for factor in (1, 2, 3))))
    assert log.steps == 2
    assert log.losses() == {"episodic": 2.0, "dense": 4.0, "auxiliary": 6.0}
