"""Run the benchmarks one after the other, each in a fresh process, and print their tables as markdown."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
QUICK = ("learning", "overlay", "responsiveness", "sampling")  # minutes
# Run only when they are named.
SLOW = (
    "annotator",
    "where_next",
    "jobs",
    "first_overlay",
    "objects",
    "counting",
    "out_of_core",
    "large_image",
    "window_soak",
    "panel_states",
    "steps",
)
NAMES = (*QUICK, *SLOW)
# Without a window.
_ONE_THREAD = ("learning", "sampling", "annotator", "where_next", "objects", "counting", "out_of_core", "steps")
_SCREEN = "-screen 0 1400x1000x24 +extension GLX"
_LARGE_SCREEN = "-screen 0 3840x2160x24 +extension GLX"  # for windows of any size, and twice the scale


def main() -> int:
    options, further = _options()
    tables, failed = [], []
    for name in options.names or QUICK:
        print(f"running {name}", file=sys.stderr, flush=True)
        text = run(name, [*_arguments(name, options), *further])
        if text is None:
            failed.append(name)
            continue
        print(text, flush=True)
        tables.append(text)
    if options.out:
        options.out.write_text("\n".join(tables), encoding="utf-8")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def run(name: str, arguments: list[str]) -> str | None:
    """Return the markdown that a benchmark printed, or None when it failed, which it has said on standard error."""
    with tempfile.TemporaryDirectory(prefix="napari-unet-benchmark-", ignore_cleanup_errors=True) as home:
        environment = _environment(name, Path(home))
        command = [*_screen(name, environment), sys.executable, "-m", f"benchmarks.{name}", *arguments]
        done = subprocess.run(  # noqa: S603 - our own module
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
    return done.stdout if done.returncode == 0 else None


def _options() -> tuple[argparse.Namespace, list[str]]:
    """Read the arguments; return ours, and those that only the one benchmark that is named understands."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="With one NAME, other options are handed on to it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; {', '.join(QUICK)} unless told otherwise"
    )
    parser.add_argument("--out", type=Path, help="file that gets the tables as well")
    parser.add_argument("--seconds", type=float, help="of training (learning, annotator) or measuring")
    parser.add_argument("--sets", nargs="+", help="sets of images (learning, sampling, annotator)")
    parser.add_argument("--seeds", nargs="+", type=int, help="one run each; the first one for overlay, sampling")
    parser.add_argument("--strokes", type=int, help="how many are timed (overlay), or made (where_next)")
    parser.add_argument("--moves", type=int, help="of the brush (responsiveness)")
    options, further = parser.parse_known_args()
    if further and len(options.names) != 1:
        parser.error(f"'{further[0]}' is for one benchmark: name it")
    unknown = sorted(set(options.names) - set(NAMES))
    if unknown:
        parser.error(f"there is no benchmark '{unknown[0]}': choose from {', '.join(NAMES)}")
    return options, further


def _arguments(name: str, options: argparse.Namespace) -> list[str]:
    seeds = [str(seed) for seed in options.seeds or []]
    wanted = {
        "learning": {"--seconds": options.seconds, "--sets": options.sets, "--seeds": seeds},
        "overlay": {"--strokes": options.strokes, "--seed": seeds[:1]},
        "responsiveness": {"--seconds": options.seconds, "--moves": options.moves},
        "sampling": {"--sets": options.sets, "--seed": seeds[:1]},
        "annotator": {"--seconds": options.seconds, "--sets": options.sets, "--seeds": seeds},
        "where_next": {"--strokes": options.strokes, "--sets": options.sets, "--seeds": seeds},
        "jobs": {"--seed": seeds[:1]},
        "first_overlay": {},
        "objects": {"--sets": options.sets},
        "out_of_core": {},
        "large_image": {"--seconds": options.seconds},
        "window_soak": {},
        "panel_states": {},
    }[name]
    words: list[str] = []
    for flag, value in wanted.items():
        if value:
            words += [flag, *(value if isinstance(value, list) else [str(value)])]
    return words


def _environment(name: str, home: Path) -> dict[str, str]:
    environment = dict(os.environ)
    if name in _ONE_THREAD:
        environment["OMP_NUM_THREADS"] = "1"
        return environment
    # Projects of images without a file go into the home folder, napari's settings too: both are the benchmark's own.
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "NAPARI_CONFIG": str(home / "settings.yaml")}
    # The worker is measured as users get it: with the threads that it chooses itself.
    environment.pop("OMP_NUM_THREADS", None)
    environment.pop("OMP_WAIT_POLICY", None)
    return environment


def _screen(name: str, environment: dict[str, str]) -> list[str]:
    if (
        name in _ONE_THREAD
        or sys.platform != "linux"
        or environment.get("DISPLAY")
        or environment.get("WAYLAND_DISPLAY")
    ):
        return []
    if shutil.which("xvfb-run") is None:
        raise SystemExit(f"{name} opens a window and there is no screen: install xvfb")
    environment["QT_QPA_PLATFORM"] = "xcb"
    return ["xvfb-run", "-a", "-s", _LARGE_SCREEN if name == "panel_states" else _SCREEN]


if __name__ == "__main__":
    sys.exit(main())
