# `make submit` and `make test` are all that a newcomer needs; both make the environment when there is none.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DATA   ?= demo-data
RUN    ?=
PED2   ?= ../shared/data/ped2
SAMPLE ?= ../shared/data/pixelplay26/sample_submission.csv

.PHONY: help submit test lint bench clean
.DEFAULT_GOAL := help

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18
	@echo "  DATA=folder names your data set; PYTHON=python3.12 another interpreter; RUN=... more options of pixelkit run"

submit: $(READY)  ## the main job: from videos to a checked CSV, on DATA=... (the demo data set when not given)
ifeq ($(DATA),demo-data)
	@$(BIN)/pixelkit demo $(DATA)
endif
	@$(BIN)/pixelkit run $(DATA) $(RUN)

# One test process a core, so one thread each: small networks on contended threads take ten times as long.
test: $(READY)  ## the tests
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

lint: $(READY)  ## style, types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY)  ## the benchmarks on PED2=... and SAMPLE=...: hours, on a machine that does nothing else
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/coreset.py
	$(BIN)/python benchmarks/leaderboard.py --drawn
	$(BIN)/python benchmarks/motion.py $(PED2) --labels $(PED2)/ped2.mat --corrupted
	$(BIN)/python benchmarks/motion_crowds.py $(PED2)
	$(BIN)/python benchmarks/report.py $(SAMPLE)
	@for name in decode repair autoencoders detectors backbone videopatchcore memory ped2 tuning; do \
	  echo "$(BIN)/python benchmarks/$$name.py $(PED2)"; $(BIN)/python benchmarks/$$name.py $(PED2) || exit 1; done

clean:  ## remove the environment and the demo data; runs and caches stay
	rm -rf $(VENV) demo-data

# torch and torchvision come by name in one command, into an empty environment: a torch that is there already and a
# torchvision of another build fail at import ("operator torchvision::nms does not exist").
$(READY): setup.cfg pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pixelkit needs Python 3.11 or newer: make PYTHON=python3.12"; rm -rf $(VENV); exit 1; }
	@echo "installing into $(VENV) (torch and friends: about 6 GB, some minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check torch torchvision
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)
