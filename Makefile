# Everything a newcomer needs: Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.base
READY := $(VENV)/.ready

.PHONY: setup demo test test-slow test-gpu test-faults audit lint format benchmark clean

setup: $(READY)

# What predicts on a CPU, without torch.
$(BASE): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(READY): $(BASE)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $@

demo: $(BASE)
	$(BIN)/python examples/make_scene.py demo/scene.tif --height 3000 --width 4000 --seed 7 --regime edge --clouds 0.25 --truth demo/truth.tif
	$(BIN)/seaice predict demo/scene.tif -o demo/mask.tif --vector demo/ice.gpkg --preview demo/preview.png --overwrite

# In two processes: what training leaves in one (threads, compilers, allocators of torch) is not for the others' subprocesses.
TRAINING := tests/training tests/cli/test_train.py tests/network tests/test_shipped_models.py

test: setup
	$(BIN)/python -m pytest $(TRAINING)
	$(BIN)/python -m pytest $(addprefix --ignore=,$(TRAINING))

test-slow: setup
	$(BIN)/python -m pytest -m slow

test-faults: setup
	$(BIN)/python -m pytest tests/faults -m "not gpu"

# Asks the advisory services of PyPI and OSV about every pinned dependency: needs the internet.
audit: setup
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

test-gpu: setup
	$(BIN)/python -m pytest -m gpu

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
