# The words: demo, test, check, docs, bench. Each does all of its own set-up.
# Needs make and Python 3.10 or newer; everything else goes into .venv.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
AIRFLOW := .airflow-venv
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --require-hashes
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile \
    --no-loadscope-reorder --max-worker-restart 0 --durations 25
CANDIDATES := python3.13 python3.12 python3.11 python3.10 python3 python
TORCH := 2.13.0
# Say another Python with: make PYTHON=/path/to/python …
PYTHON ?=

.DEFAULT_GOAL := help
.PHONY: help demo docs docs-open test test-long check audit bench bench-models bench-serving bench-scale chaos-erasing chaos-serving airflow airflow-run setup lock clean

help: ## Say what there is to make
	@echo "make WORD, where WORD is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1  \2/p' $(MAKEFILE_LIST) | awk '{ $$1 = sprintf("%-13s", $$1); print "  " $$0 }'

demo: $(VENV)/rank.stamp ## Build a shop, check it, learn from it, recommend; two minutes, no network
	$(BIN)/recomart demo

test: $(VENV)/dev.stamp ## Run the tests; from Python 3.12 on, where it costs little, measure what they cover
	$(PYTEST) $$($(BIN)/python -c 'import sys; print("--cov" * (sys.version_info >= (3, 12)))')

test-long: $(VENV)/dev.stamp ## Run what takes long: kills again and again, Spark, schedules, large shops; half an hour
	$(PYTEST) -m long

check: $(VENV)/dev.stamp ## Lint, format, types, layers, sizes, dead code, what is deployed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	    echo $(BIN)/mypy; $(BIN)/mypy; \
	else echo "mypy: left out; what NumPy and SciPy say of their types on Python 3.10 is too old"; fi
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/sizes.py
	$(BIN)/vulture
	$(BIN)/python scripts/deploy_check.py

audit: $(VENV)/dev.stamp ## Ask whether a known vulnerability is in what the lock files install; needs a network
	$(BIN)/python scripts/audit.py

docs: $(VENV)/dev.stamp ## Build the docs into build/site; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-open: $(VENV)/dev.stamp ## Show the docs at http://127.0.0.1:8001 while they are written
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr 127.0.0.1:8001

bench: $(VENV)/bench.stamp $(VENV)/dev.stamp ## Measure speed, memory and quality beside peers; writes benchmarks/results
	$(BIN)/python benchmarks/run.py

bench-models: $(VENV)/bench.stamp $(VENV)/dev.stamp ## Measure the models beside the published figures
	$(BIN)/python benchmarks/run.py models

bench-serving: $(VENV)/dev.stamp ## Measure serving at 235,000 items beside the bare engine and an empty endpoint; first makes the shop, 15 minutes
	$(BIN)/python -m benchmarks.serving

bench-scale: $(VENV)/dev.stamp ## Measure 1, 10 and 100 million events from files to features, as far as time and disk allow; fits the curve
	$(BIN)/python -m benchmarks.scale

chaos-erasing: $(VENV)/dev.stamp ## Kill the erasing of a user 100 times; each time it is to end as if nobody had, a quarter of an hour
	$(BIN)/python -m benchmarks.chaos_erasing

chaos-serving: $(VENV)/dev.stamp ## Bring faults about under a running service; prints what was seen, ten minutes
	$(BIN)/python -m benchmarks.chaos_serving

airflow: $(AIRFLOW)/airflow.stamp $(VENV)/core.stamp ## Install Airflow beside, and see that it takes our DAG
	$(BIN)/python scripts/airflow_dag.py parse

airflow-run: $(AIRFLOW)/airflow.stamp $(VENV)/rank.stamp ## Run our DAG in Airflow, to its end, on a small shop
	$(BIN)/python scripts/airflow_dag.py run

setup: $(VENV)/dev.stamp ## Make .venv with RecoMart and the tools, and nothing more

lock: $(VENV)/dev.stamp ## Write requirements/*.txt anew from pyproject.toml (UPGRADE=--upgrade for newest)
	$(BIN)/python scripts/lock.py $(UPGRADE)

clean: ## Remove .venv, caches and what was built; data stays
	rm -rf $(VENV) $(AIRFLOW) .coverage .coverage.* build dist
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than the lock file that it was installed from.

$(VENV)/made.stamp:
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; then touch $@; exit 0; fi; \
	for python in $(or $(PYTHON),$(CANDIDATES)); do \
	    "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' \
	        2>/dev/null || continue; \
	    echo "Making $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv $(VENV) && touch $@; \
	    exit; \
	done; \
	echo "RecoMart needs Python 3.10 or newer, with its venv module; none of these is:" \
	    "$(or $(PYTHON),$(CANDIDATES)). Install one (Debian: apt install python3-venv)," \
	    "or name it: make PYTHON=/path/to/python" >&2; \
	exit 1

$(VENV)/pip.stamp: requirements/pip.txt | $(VENV)/made.stamp
	$(INSTALL) -r requirements/pip.txt
	@touch $@

$(VENV)/core.stamp: requirements/core.txt pyproject.toml $(VENV)/pip.stamp
	$(INSTALL) -r requirements/core.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/rank.stamp: requirements/rank.txt $(VENV)/core.stamp
	$(INSTALL) -r requirements/rank.txt
	@touch $@

# torch is not locked: whoever has a GPU, or no room for one, chooses a build of it.
$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/core.stamp
	$(INSTALL) -r requirements/dev.txt
	$(PIP) install --quiet 'torch==$(TORCH)'
	@touch $@

# Airflow wants other versions than we do: it has its own environment, and calls ours.
$(AIRFLOW)/airflow.stamp: requirements/airflow.txt | $(VENV)/made.stamp
	$(BIN)/python -m venv $(AIRFLOW)
	for lock in pip airflow; do \
	    $(AIRFLOW)/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
	        --require-hashes -r requirements/$$lock.txt || exit; \
	done
	@touch $@

$(VENV)/bench.stamp: requirements/bench.txt $(VENV)/core.stamp
	$(INSTALL) -r requirements/bench.txt
	@touch $@
