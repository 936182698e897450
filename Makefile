# Everything a newcomer needs: Python >= 3.11 and make.
PYTHON ?= python3
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.base
READY := $(VENV)/.ready

CLUSTER_SERVER := $(VENV)/.s3/bin/moto_server

.PHONY: setup demo docs gallery dist test-dist release-notes test test-slow test-gpu test-cluster test-faults test-cases audit lint format clean

setup: $(READY)

# What predicts on a CPU, without torch.
$(BASE): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(READY): $(BASE)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev,docs]'
	touch $@

demo: $(BASE)
	$(BIN)/python examples/make_scene.py demo/scene.tif --height 3000 --width 4000 --seed 7 --regime edge --clouds 0.25 --truth demo/truth.tif
	$(BIN)/seaice predict demo/scene.tif -o demo/mask.tif --vector demo/ice.gpkg --preview demo/preview.png --overwrite

# The site, in build/site, without the internet; any warning ends it. `python -m http.server -d build/site` shows it.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

# The pictures of the documentation, from real scenes where ../shared/data lies beside the checkout. Look at them before you commit.
gallery: setup
	$(BIN)/python docs/building/gallery.py

# The source archive and the wheel that is built from it, in dist/; both tried; and what CHANGELOG.md says of this version.
dist: setup
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m build

test-dist: setup
	$(PYTEST) -m slow tests/test_installation.py

release-notes: setup
	@mkdir -p dist
	$(BIN)/python docs/building/release_notes.py > dist/notes.md

# In two lanes side by side: training, then the faults; everything else. What training leaves in a process (threads, compilers,
# allocators of torch) is not for the others' subprocesses. Every run goes to its end; what failed is told last. One thread for
# torch: two of these processes on two cores would spend their time waiting for each other.
TRAINING := tests/training tests/cli/test_train.py tests/network tests/test_shipped_models.py
FAULTS := tests/faults
PYTEST := OMP_NUM_THREADS=1 PYTHONHASHSEED=0 $(BIN)/python -m pytest
REPORTS := build/tests

test: setup
	@mkdir -p $(REPORTS)
	@{ $(PYTEST) $(TRAINING) > $(REPORTS)/training.txt 2>&1; training=$$?; $(PYTEST) $(FAULTS) > $(REPORTS)/faults.txt 2>&1; exit $$((training | $$?)); } & \
	lane=$$!; trap "pkill -P $$lane 2> /dev/null; kill $$lane 2> /dev/null" EXIT; \
	$(PYTEST) $(addprefix --ignore=,$(TRAINING) $(FAULTS)) 2>&1 | tee $(REPORTS)/others.txt; others=$${PIPESTATUS[0]}; \
	wait $$lane; lane=$$?; cat $(REPORTS)/training.txt $(REPORTS)/faults.txt; \
	echo; grep -hE '^(FAILED|ERROR|=+ .* in [0-9.]+s)' $(REPORTS)/{others,training,faults}.txt; exit $$((lane | others))

test-slow: setup
	$(PYTEST) -m slow

# Several machines and object storage: what `make test` runs of it, and kills at many points. The S3 server has an environment of its
# own, because what it stands on contradicts our pins.
test-cluster: setup $(CLUSTER_SERVER)
	$(PYTEST) tests/cluster tests/prediction/test_ranges.py -m "cluster or not cluster"

$(CLUSTER_SERVER):
	$(PYTHON) -m venv $(VENV)/.s3
	$(VENV)/.s3/bin/python -m pip install --quiet 'moto[s3]==5.2.5' flask flask-cors

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
