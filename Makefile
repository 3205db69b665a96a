# Start with `make run` or `make test`: every target installs what it needs.
# For torch without CUDA, on a machine without an NVIDIA GPU, see "Torch for a CPU only" in README.md.

# The first one that runs: a name on the PATH may be a version manager's shim for a Python that is not installed.
PYTHON ?= $(shell for each in python3.12 python3.11 python3.13 python3; do \
    $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
TORCH_INDEX ?=
BIN := .venv/bin
READY := .venv/.ready
# With its progress: the first install takes minutes.
PIP := $(BIN)/pip --disable-pip-version-check
PIP_FAILED := { echo "pip could not install everything: its reason is above. What it has fetched is kept for the next try."; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help run test test-long chaos soak lint models train bench figure screenshots clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 16

run: $(READY) ## Run Redis, a worker and the bot; without DISCORD_TOKEN, in a pocket Discord
	$(BIN)/beholder run --tied

test: $(READY) ## Run every test
	$(BIN)/python -m pytest

test-long: $(READY) ## Run the longer checks in a short form: a seed of each mode of chaos (five minutes)
	$(BIN)/python -m tests.chaos --mode kills --requests 200 --kills 3
	$(BIN)/python -m tests.chaos --mode faults --requests 200 --kills 3

chaos: $(READY) ## Kill everything 10 times each under 1,000 requests, three seeds of each mode (an hour)
	for mode in kills faults; do for seed in 1 2 3; do \
	    $(BIN)/python -m tests.chaos --mode $$mode --seed $$seed || exit 1; done; done

soak: $(READY) ## Send requests for 15 minutes, and see that no memory grows
	$(BIN)/python -m tests.chaos.soak

lint: $(READY) ## Check style, types and import contracts, as CI does
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

models: $(READY) ## Download the real models (BEHOLDER_MODELS=base|large) into the local cache
	$(BIN)/beholder models

train: $(READY) ## Train the tiny models again (an hour or two on two cores)
	$(BIN)/python -m inference.tiny.train all

bench: $(READY) ## Run every benchmark
	for file in tests/bench/bench_*.py; do $(BIN)/python -m tests.bench.$$(basename $$file .py) || exit 1; done

figure: $(READY) ## Draw docs/architecture.svg again, from the code
	$(BIN)/python -m tests.bench.draw_architecture docs/architecture.svg

screenshots: $(READY) ## Make the README's pictures again (needs Chromium)
	$(BIN)/python -m tests.e2e.screenshots docs/screenshots

clean: ## Remove the virtual environment (never the data)
	rm -rf .venv

$(READY): pyproject.toml constraints.txt
	@sh check_platform.sh "$(PYTHON)"
	@echo "Installing into .venv, once: about 1.5 GB with torch for CPUs, several GB more with CUDA. It takes some minutes."
	@$(PYTHON) -m venv .venv || \
	    { echo "No virtual environment could be made. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@$(if $(TORCH_INDEX),$(PIP) install -c constraints.txt --index-url $(TORCH_INDEX) torch || $(PIP_FAILED))
	@$(PIP) install -c constraints.txt -e '.[worker,dev]' || $(PIP_FAILED)
	@touch $@
	@echo "Installed."
