#!/bin/sh
# The part of newest.sh that runs inside of the fresh Debian, where the checkout is /checkout, read-only.
set -eu

export HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1
cd /checkout
sh scripts/system-libraries.sh

echo "Newest: installing the newest release of everything but torch"
[ -x /venv/bin/python ] || python3 -m venv /venv
# Everything that pyproject.toml names, without the bounds from constraints.txt.
/venv/bin/python - <<'PYTHON' >/requirements.txt
import tomllib

project = tomllib.load(open("pyproject.toml", "rb"))["project"]
wanted = [*project["dependencies"], *project["optional-dependencies"]["all"]]
print(*(one for one in wanted if not one.startswith("torch>")), sep="\n")
PYTHON
/venv/bin/python -m pip install -qq --upgrade --upgrade-strategy eager "$@" pip -r /requirements.txt --group test
/venv/bin/python -m pip install -qq --no-deps /checkout
/venv/bin/python -m pip list --format freeze |
    grep -i -E '^(napari|numpy|scipy|scikit-image|tifffile|imagecodecs|zarr|PyQt6|qtpy|superqt|magicgui|pydantic|msgspec|pytest)=='
! /venv/bin/python -c 'import torch' 2>/dev/null || echo "Newest: torch is there too"

# The rooms above torch; of their tests, those that reach it are skipped (tests/conftest.py).
ROOMS="tests/images tests/project tests/evaluation tests/dataset tests/objects tests/export tests/controller tests/gui
    tests/test_config.py tests/test_storage.py tests/test_house.py tests/test_loopback.py tests/test_public_names.py"
# Not those of the window that try our own logic again, on what the other tests of the window have tried of napari.
LEFT_OUT="--ignore tests/gui/test_project_images.py --ignore tests/gui/test_rescale_offer.py
    --ignore tests/gui/test_image_removal.py --ignore tests/gui/test_results.py"
# Without the types that tests check at every call, as in oldest.sh: they cost a third of the time.
# shellcheck disable=SC2086 # words, not one
QT_QPA_PLATFORM=xcb exec /venv/bin/python -m pytest -p no:cacheprovider \
    -o addopts="-p no:napari -p no:npe2 --strict-markers -q" --hypothesis-profile few \
    ${TESTS:--n logical --maxprocesses 4 --dist worksteal $ROOMS $LEFT_OUT}
