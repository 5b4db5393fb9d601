# `make` lists the targets. Everything runs in .venv, which the first target that needs it creates.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help up demo test test-fast check bench chaos screenshots reset new-provider deploy verify-project

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name what; do printf '  make %-14s %s\n' "$$name" "$$what"; done

$(READY): requirements.txt jobs/requirements.txt requirements-cli.txt requirements-mcp.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11 to 3.13 is needed; call make with PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

up: $(READY) ## the local cloud and both functions, until Ctrl-C
	@$(BIN)/python -m localcloud up

demo: $(READY) ## up, run every pipeline for yesterday over HTTP, show the costs, stop
	@$(BIN)/python -m localcloud demo

# Whole files, since fixtures are made once for a file; tests/slow.py puts those that take long before the others.
# Byte code is kept whatever the environment says, for the hundreds of programs that tests start.
WORKERS := 4  # some tests wait; a worker and its local BigQuery grow to two gigabytes together in a whole run
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: $(READY) check ## check, then every test but the slow proofs
	@$(BIN)/python --version
	$(PYTEST) --durations 30

test-fast: $(READY) ## the tests to run while working: all but the files of tests/slow.txt
	@$(BIN)/python --version
	$(PYTEST) -m 'not bench and not slow'

check: $(READY) ## format, lint, types, image, scripts, configs
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/hadolint jobs/Dockerfile
	$(BIN)/shellcheck -x -P SCRIPTDIR infra/*.sh infra/bash/*.sh
	$(BIN)/python -m infra.check_configs

bench: $(READY) ## the slow proofs: memory, scale, what is packaged, CPU beside a bare floor
	$(BIN)/python -m pytest -m bench -s --timeout 3600

chaos: $(READY) ## SEED=… MINUTES=… or REPLAY=…: random use, kills and faults, then a check of what must hold
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed "$(SEED)") $(if $(MINUTES),--minutes "$(MINUTES)") $(if $(REPLAY),--replay "$(REPLAY)")

screenshots: $(READY) ## FOLDER=…: every page of the console at two widths in both themes (.local/screenshots)
	CLOUDACT_SCREENSHOTS="$(or $(FOLDER),.local/screenshots)" $(BIN)/python -m pytest -m bench tests/browser/test_screenshots.py
	@echo "pictures are in $(or $(FOLDER),.local/screenshots)"

reset: $(READY) ## forgets the local cloud's state
	@$(BIN)/python -m localcloud reset

new-provider: $(READY) ## NAME=…: the files of a new provider, see CONTRIBUTING.md
	@$(BIN)/python -m infra.new_provider "$(NAME)"

deploy: ## into the Google Cloud project of infra/env: all that is not there yet, or differs
	infra/setup.sh && infra/deploy.sh && infra/schedule.sh && infra/monitoring.sh

verify-project: ## asks the project of infra/env what no document tells for certain; free of charge
	infra/verify_project.sh
