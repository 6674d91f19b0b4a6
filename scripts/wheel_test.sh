#!/bin/sh
# Build sdist and wheel, install the wheel into a clean environment and ask it from outside the checkout what a user
# would ask: is the plugin found, does its panel import, does the command answer.
#
#   sh scripts/wheel_test.sh         test, then leave nothing behind
#   sh scripts/wheel_test.sh dist    the same, and keep the tested sdist and wheel in dist/
#
# PYTHON names an interpreter that has pip >= 25.1 and build (default: .venv/bin/python).
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
keep=${1:-}
python=${PYTHON:-$root/.venv/bin/python}
work=$(mktemp -d)
LARGEST=22000000 # bytes of the wheel, most of which are base weights
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
unset PYTHONPATH PYTHONHOME

cd "$root"
echo "Wheel test: building"
"$python" -m build --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
wheel=$(echo "$work"/dist/*.whl)

size=$(wc -c <"$wheel")
[ "$size" -le "$LARGEST" ] || { echo "the wheel has $size bytes, more than $LARGEST" >&2; exit 1; }

echo "Wheel test: installing $(basename "$wheel") into a clean environment"
# The clean environment borrows the caller's pip, and compiles only what the questions import.
"$python" -m venv --without-pip "$work/venv"
"$python" -m pip --python "$work/venv/bin/python" install -qq --no-compile -c constraints.txt "$wheel[all]"

mkdir "$work/elsewhere"
cd "$work/elsewhere"
export QT_QPA_PLATFORM=offscreen NAPARI_CONFIG="$work/settings.yaml"

echo "Wheel test: asking it"
"$work/venv/bin/python" - "$root" <<'PYTHON'
import importlib
import importlib.metadata
import pathlib
import sys

import npe2

import napari_unet

package = pathlib.Path(napari_unet.__file__).resolve()
assert pathlib.Path(sys.argv[1]).resolve() not in package.parents, f"the checkout was imported: {package}"
assert pathlib.Path(sys.prefix).resolve() in package.parents, f"not the installed package: {package}"

manager = npe2.PluginManager()
manager.discover()
manifest = manager.get_manifest("napari-unet-live")
widget = manifest.contributions.widgets[0]
[python_name] = [command.python_name for command in manifest.contributions.commands if command.id == widget.command]
module, _, name = python_name.partition(":")
found = importlib.import_module(module)
for part in name.split("."):
    found = getattr(found, part)
assert callable(found), f"{python_name} is not callable"
from napari_unet.network.base import package_base

licences = {path.name for path in importlib.metadata.files("napari-unet-live") if "licenses" in path.parts}
assert {"LICENSE", "NOTICE.txt"} <= licences, f"licences in the wheel: {licences}"
widths = [package_base(width).architecture.width for width in (16, 32)]
assert widths == [16, 32], f"base weights of {widths} channels"
print(f"  npe2 finds {manifest.name} {manifest.package_version}; '{widget.display_name}' is {python_name}")
PYTHON

code=0
"$work/venv/bin/napari-unet" --help >help.txt 2>&1 || code=$?
[ "$code" -eq 0 ] || { cat help.txt >&2; echo "napari-unet --help ended with $code, not 0" >&2; exit 1; }
code=0
"$work/venv/bin/napari-unet" nonsense >nonsense.txt 2>&1 || code=$?
[ "$code" -eq 2 ] || { cat nonsense.txt >&2; echo "napari-unet nonsense ended with $code, not 2" >&2; exit 1; }
echo "  napari-unet --help ends with 0, napari-unet nonsense with 2"

if [ -n "$keep" ]; then
    cd "$root"
    mkdir -p "$keep"
    cp "$work"/dist/* "$keep"/
fi
echo "Wheel test: passed"
