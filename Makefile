# Everything a contributor runs. Needs git, make and Python >= 3.11; on Debian and Ubuntu the rest installs itself.
PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Windows on Linux: real ones, on the invisible screen that pytest starts.
WINDOWS = $(if $(shell command -v Xvfb),env QT_QPA_PLATFORM=xcb)
# As many processes as processors, each with a screen of its own, but no more than memory allows.
PARALLEL := -n logical --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test newest oldest faults check docs wheel-test benchmark clean \
	python-version system-libraries optional-libraries

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: system-libraries $(STAMP) ## install system libraries and the package with its tools into .venv
	@echo "Ready: make demo, or $(BIN)/napari-unet"

demo: optional-libraries $(STAMP) ## learn, show, score and export a real image; without a screen the files land in demo-out
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
	    $(BIN)/napari-unet demo; \
	else \
	    $(BIN)/napari-unet demo --headless --out demo-out; \
	fi

test: system-libraries check wheel-test ## checks, wheel test, then the test suite on invisible screens
	$(WINDOWS) $(BIN)/python -m pytest $(PARALLEL)

newest: python-version ## the newest release of everything, in a fresh Debian 13 with Python 3.13: nearly every test that needs no torch (needs root)
	@PYTHON="$(PYTHON)" sh scripts/newest.sh

oldest: system-libraries ## the lower bound of every requirement, installed exactly: the same tests, and those of training
	@PYTHON="$(PYTHON)" sh scripts/oldest.sh

faults: system-libraries $(STAMP) ## everything that can go wrong, on purpose and in full: some hours; figures in docs/reliability.md
	FAULTS=whole $(WINDOWS) $(BIN)/python -m pytest tests/faults tests/project/test_kill.py tests/packaging/test_exchange.py --timeout 3600 --durations 20
	$(BIN)/python -m benchmarks.soak --strokes 20000 --overlays 2000 --switches 200 --restarts 50

check: $(STAMP) ## style, types, imports, spelling and metadata
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/npe2 validate napari.yaml
	@$(MAKE) --no-print-directory docs

docs: $(STAMP) ## build the pages into build/docs; a broken link or a wrong docstring is an error
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

wheel-test: $(STAMP) ## build sdist and wheel and try the wheel in a clean environment
	@PYTHON="$(CURDIR)/$(BIN)/python" sh scripts/wheel_test.sh

benchmark: $(STAMP) ## measure learning and painting against peers
	$(BIN)/python -m benchmarks

clean: ## remove what building, testing and the demo leave behind; .venv stays
	rm -rf build dist demo-out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -path ./.git -prune -o -type d -name __pycache__ -exec rm -rf {} +

python-version:
	@[ -x $(BIN)/python ] || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "napari-unet needs Python 3.11 or newer, '$(PYTHON)' is missing or older: try make setup PYTHON=python3.12" >&2; \
	    exit 1; \
	}

system-libraries: python-version
	@PYTHON="$(PYTHON)" sh scripts/system-libraries.sh

optional-libraries: python-version
	@PYTHON="$(PYTHON)" sh scripts/system-libraries.sh --optional

# Made once; installed again only when the metadata or the constraints change.
$(STAMP): pyproject.toml constraints.txt | python-version
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "Installing napari-unet into $(VENV) (the first time takes some minutes)"
	@$(BIN)/python -m pip install -qq "pip>=25.1"
	@$(BIN)/python -m pip install -qq -c constraints.txt -e ".[all]" --group dev
	@touch $@
