# `make run` and `make test` are all that a newcomer needs: each does its own set-up.
# For torch without CUDA (a machine with no NVIDIA GPU), see "Torch for a CPU only" in README.md.

# The first that runs: a name on the PATH may be a version manager's stand-in for a Python that is not there.
PYTHON ?= $(shell for each in python3.12 python3.11 python3; do \
    $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
TORCH_INDEX ?=
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help run test lint models train bench figure screenshots clean

help: ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 16

run: $(READY) ## Redis, worker and bot in one go; without DISCORD_TOKEN, in a pocket Discord
	$(BIN)/beholder run --tied

test: $(READY) ## Every test
	$(BIN)/python -m pytest

lint: $(READY) ## What CI checks besides: style, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

models: $(READY) ## Fetch the real models (BEHOLDER_MODELS=base|large) into the local model cache
	$(BIN)/beholder models

train: $(READY) ## Train the tiny models again (an hour or two on two cores)
	$(BIN)/python -m inference.tiny.train all

bench: $(READY) ## Every benchmark, as tables
	for file in tests/bench/bench_*.py; do $(BIN)/python -m tests.bench.$$(basename $$file .py) || exit 1; done

figure: $(READY) ## docs/architecture.svg, anew from the code
	$(BIN)/python -m tests.bench.draw_architecture docs/architecture.svg

screenshots: $(READY) ## The README's pictures, anew (needs Chromium)
	$(BIN)/python -m tests.e2e.screenshots docs/screenshots

clean: ## Remove the virtual environment (never the data)
	rm -rf .venv

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || \
	    { echo "Beholder needs Python 3.11 or later, and none is on the PATH. Set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	    { echo "No virtual environment could be made. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(if $(TORCH_INDEX),$(BIN)/pip install --quiet -c constraints.txt --index-url $(TORCH_INDEX) torch)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[worker,dev]'
	@touch $@
