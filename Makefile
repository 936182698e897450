# Everything a newcomer needs: Python >= 3.11 and make.
PYTHON ?= python3
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.base
READY := $(VENV)/.ready

.PHONY: setup demo test test-slow test-gpu test-faults test-cases audit lint format benchmark clean

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
# Both run, whatever the first one finds; their closing lines stand together at the end.
TRAINING := tests/training tests/cli/test_train.py tests/network tests/test_shipped_models.py
PYTEST := PYTHONHASHSEED=0 $(BIN)/python -m pytest
REPORTS := build/tests

test: setup
	@mkdir -p $(REPORTS)
	@$(PYTEST) $(TRAINING) 2>&1 | tee $(REPORTS)/training.txt; a=$${PIPESTATUS[0]}; \
	$(PYTEST) $(addprefix --ignore=,$(TRAINING)) 2>&1 | tee $(REPORTS)/others.txt; b=$${PIPESTATUS[0]}; \
	grep -hE '^(FAILED|ERROR|=+ .* in [0-9.]+s)' $(REPORTS)/training.txt $(REPORTS)/others.txt; exit $$((a | b))

test-slow: setup
	$(PYTEST) -m slow

# The fault suite with its slow tests, then all properties on examples drawn anew. A failure prints the @reproduce_failure line that
# repeats it, and the next run begins with its example.
test-faults: setup
	$(PYTEST) tests/faults -m "not gpu" --hypothesis-profile explore
	$(PYTEST) -m "hypothesis and not gpu" --ignore=tests/faults --hypothesis-profile explore

# Public bug reports of the field as scripts, where they lie beside the checkout; each prints PASS or FAIL.
CASES ?= ../shared/cases
test-cases: setup
	@failed=0; for case in $(wildcard $(CASES)/[0-9]*.py); do \
	  SEAICE=$(abspath $(BIN))/seaice $(abspath $(BIN))/python $$case $${TMPDIR:-/tmp}/seaice-case > $${TMPDIR:-/tmp}/seaice-case.log 2>&1 \
	    && echo "passed $$case" || { echo "FAILED $$case"; grep FAIL $${TMPDIR:-/tmp}/seaice-case.log; failed=1; }; \
	done; exit $$failed

# Asks the advisory services of PyPI and OSV about every pinned dependency: needs the internet.
audit: setup
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

test-gpu: setup
	$(PYTEST) -m gpu

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
