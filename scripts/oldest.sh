#!/bin/sh
# Try the oldest release of everything that pyproject.toml allows: install every lower bound exactly, and run the tests.
#
#   sh scripts/oldest.sh                     in build/oldest, which is kept and used again
#   sh scripts/oldest.sh tests/images ...    other arguments for pytest
#
# PYTHON names the oldest Python that is allowed (default: python3).
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$checkout"
venv=${OLDEST_VENV:-$checkout/build/oldest}
python=${PYTHON:-python3}
unset PYTHONPATH PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1

echo "Oldest: installing every lower bound of pyproject.toml"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install -qq "pip>=25.1"
"$venv/bin/python" scripts/lower_bounds.py >"$venv/bounds.txt"
"$venv/bin/python" -m pip install -qq -r "$venv/bounds.txt" --group test-torch
"$venv/bin/python" -m pip install -qq --no-deps -e .
"$venv/bin/python" -m pip check
tr '\n' ' ' <"$venv/bounds.txt"
echo

# Everything that reads, writes, shows or learns with them; not the faults on purpose, which try the same code again.
[ $# -gt 0 ] || set -- -n logical --maxprocesses 4 --dist worksteal tests/images tests/project tests/evaluation \
    tests/dataset tests/objects tests/export tests/controller tests/network tests/training tests/gui/test_overlay.py
# Without the types that tests check at every call: users have no such checks, and they are slow in old releases.
addopts="-p no:napari -p no:npe2 --strict-markers -q"
if command -v Xvfb >/dev/null; then export QT_QPA_PLATFORM=xcb; fi
exec "$venv/bin/python" -m pytest -o addopts="$addopts" --hypothesis-profile few "$@"
