# The front door. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Python 3.11 or later: the distribution's if it will do, because it is built with optimization and a quarter faster.
PYTHON ?= $(or $(shell for python in /usr/bin/python3 python3; do \
	$$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; \
	done),python3)
VENV := .venv
BIN := $(VENV)/bin

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

setup: $(VENV)/.ready  ## Install what the project needs into .venv

lock:  ## Pin the requirements again, with hashes
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --universal --python-version 3.11 pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --universal --python-version 3.11 --extra dev --constraint requirements/run.txt pyproject.toml requirements/build.in -o requirements/dev.txt


services:  ## Install the servers and the browser that the tests talk to (Debian packages, as root)
	@bash docker/install-test-services.sh

demo: setup  ## Run the whole exchange here, with synthetic records, and show it
	$(BIN)/python -m gateway.demo

test: setup services  ## Run the tests, against real servers that they start themselves
	$(BIN)/pytest -n 2 --dist loadfile

check: setup  ## Lint, types, dependency rule, contracts, configuration and documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/isnad check
	$(BIN)/isnad contract check
	$(BIN)/isnad errors --check docs/errors.md

bench: setup services  ## Measure, each figure beside its limit, into build/bench.json
	$(BIN)/python -m tests.benchmarks build/bench.json

clean:  ## Remove what the targets above made
	rm -rf $(VENV) build var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help setup lock services demo test check bench clean
