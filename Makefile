.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Where this is set, each of the many processes would compile the whole program again.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

setup: .venv/.complete ## make .venv and install the locked requirements

.venv/.complete: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "CareLoop needs Python 3.11 or later; this is $$($(PYTHON) --version)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "python3-venv is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

demo: setup ## a synthetic hospital with stand-in WeChat and WeCom; prints one address
	@$(BIN)/python -m app.demo

test: setup services ## everything, browsers included, on a throw-away MariaDB and Redis
	@$(BIN)/python -m tests.services $(BIN)/python -m pytest -q -n 2 --no-loadscope-reorder $(ARGS)

drills: setup services ## the fault drills at their whole size, with their counts (docs/drills.md)
	@CARELOOP_DRILLS=whole $(BIN)/python -m tests.services $(BIN)/python -m pytest -q -rP tests/drills $(ARGS)

services:
	@sh tests/install-services.sh

lint: setup ## format, style and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup ## static types, strict
	$(BIN)/mypy

run: setup ## the web process, on the database of CARELOOP_DATABASE_URL
	$(BIN)/gunicorn --workers 2 --threads 4 --no-control-socket --bind 127.0.0.1:8080 wsgi:app

jobs: setup ## the clock process
	$(BIN)/python -m jobs

migrate: setup ## bring the database to the newest schema
	$(BIN)/alembic upgrade head

lock: setup ## compile the requirements with hashes
	@$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-emit-index-url requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-emit-index-url requirements-dev.in -o requirements-dev.txt

openapi: setup ## write docs/openapi.json
	$(BIN)/python -m app.cli openapi > docs/openapi.json

.PHONY: help setup demo test drills services lint types run jobs migrate lock openapi
