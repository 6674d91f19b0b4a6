"""Train the base weights that come with the package: ``python -m scripts.train_base --out FOLDER``.

Everything about them, where the labelled sets come from included, is in docs/base-weights.md.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from napari_unet.network.checkpoint import Checkpoint, save_checkpoint
from napari_unet.network.device import Device, choose_device
from napari_unet.network.reading import open_network
from scripts.base.episodes import Tasks
from scripts.base.recipe import Recipe, recipe_for
from scripts.base.sets import SOURCES, load_set
from scripts.base.strokes import Hand
from scripts.base.training import Round, train

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_SOURCES = "sources"  # name of the fact
_LATER_RATE = 1.2e-3  # learning rate of a round that goes on from weights


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    device = choose_device(options.device)
    starts = [open_network(path) for path in options.start]
    recipe = _recipe(options, device.kind, starts)
    refuse_seen(recipe, starts)
    torch.set_num_threads(recipe.threads)
    done = train(recipe, [load_set(name, options.data) for name in recipe.sources], device, starts)
    known = facts(recipe, done, device, starts)
    for trainer in done.trainers:
        path = options.out / f"base{trainer.width}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(trainer.checkpoint(known), path)
        print(f"{path}: {trainer.log.steps} steps, {trainer.log.losses()}")


def refuse_seen(recipe: Recipe, starts: Sequence[Checkpoint]) -> None:
    """Refuse weights to go on from that are no base weights or that have seen a set which is to be left out."""
    for start in starts:
        architecture = start.architecture
        if (architecture.channels, architecture.norm, architecture.head) != (3, "none", "experts"):
            raise SystemExit("a round goes on from base weights only: three channels, norm folded, two branches")
        seen = sorted(set(start.facts.get(_SOURCES, SOURCES)) & set(recipe.without))
        if seen:
            raise SystemExit(f"the weights to go on from have seen {', '.join(seen)}: no longer to be left out")


def facts(recipe: Recipe, done: Round, device: Device, starts: Sequence[Checkpoint]) -> dict[str, Any]:
    """Return what the file says of a round: all sets that the weights have seen, the recipe, how long it took."""
    before = [name for start in starts for name in start.facts.get(_SOURCES, ())]
    return {
        _SOURCES: list(dict.fromkeys([*before, *recipe.sources])),
        "recipe": asdict(recipe),
        "steps": done.steps,
        "episodes": done.steps * recipe.episodes,
        "minutes": round(done.seconds / 60, 2),
        "waiting_share": round(done.waiting / done.seconds, 3),
        "device": device.reason,
        "torch": torch.__version__,
        "started_from": [start.fingerprint() for start in starts],
    }


def _recipe(options: argparse.Namespace, kind: str, starts: Sequence[Checkpoint]) -> Recipe:
    names = ("minutes", "steps", "widths", "seed", "threads", "workers", "episodes", "learning_rate")
    given: dict[str, Any] = {name: value for name in names if (value := getattr(options, name)) is not None}
    if "widths" in given:
        given["widths"] = tuple(given["widths"])
    if starts:
        given = {"learning_rate": _LATER_RATE} | given | {"widths": tuple(s.architecture.width for s in starts)}
    try:
        tasks = Tasks(options.drawn, options.regions, options.corrected, Hand(options.careless, options.slips))
    except ValueError as error:
        raise SystemExit(str(error)) from error
    return replace(recipe_for(kind, **given), without=tuple(options.without), tasks=tasks)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    cpu, gpu, tasks = recipe_for("cpu"), recipe_for("cuda"), Tasks()
    parser = argparse.ArgumentParser(prog="python -m scripts.train_base", description="Train base weights.")
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for the files, named by width: base16.safetensors")
    add("--data", type=Path, default=DATA, help="folder of the labelled sets")
    add("--device", default="auto", choices=("auto", "cpu", "cuda"))
    add("--minutes", type=float, help=f"of training (processor {cpu.minutes:g}, GPU {gpu.minutes:g})")
    add("--steps", type=int, help="so many in the place of the minutes")
    add("--episodes", type=int, help=f"per step (processor {cpu.episodes}, GPU {gpu.episodes})")
    add("--workers", type=int, help=f"processes that draw episodes (processor {cpu.workers}, GPU all, 16 at most)")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--widths", type=int, nargs="+", help="of the networks (processor 16, GPU 16 and 32)")
    chosen.add_argument("--start", type=Path, nargs="+", default=[], metavar="FILE", help="weights to go on from")
    add("--without", nargs="+", default=[], choices=SOURCES, metavar="SET", help="sets to leave out")
    add("--seed", type=int)
    add("--threads", type=int, help="of the training")
    add("--learning-rate", type=float, help=f"({cpu.learning_rate:g}, with --start {_LATER_RATE:g})")
    add("--drawn", type=float, default=tasks.drawn, help="share of the episodes on drawn images")
    add("--regions", type=float, default=tasks.regions, help="share of the episodes whose classes are regions")
    add("--corrected", type=float, default=tasks.corrected, help="share of the episodes with corrections")
    add("--careless", type=float, default=tasks.hand.careless, help="share of the episodes with a careless hand")
    add("--slips", type=float, default=tasks.hand.slips, help="share of the episodes with a few wrong pixels")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
