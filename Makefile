# Only relative paths, so that a checkout's directory may have spaces in its name.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: run test simulate check format bench lock clean help

PY := .venv/bin/python
LINT_IMPORTS := $(PY) -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'
TEST_WORKERS ?= 2

run: ## database, demo data, server, sandbox gateway and worker; Ctrl-C stops everything
	@sh runner/prepare.sh runtime && exec $(PY) -m runner

test: ## the checks, then all tests, on an embedded PostgreSQL of their own
	@sh runner/prepare.sh dev
	@sh runner/find_browser.sh || echo "The tests of the checkout page will fail."
	@$(MAKE) --no-print-directory check; checks=$$?; \
	$(PY) -m pytest -n $(TEST_WORKERS); tests=$$?; \
	if [ $$checks -ne 0 ]; then echo "make check failed: see above the tests."; fi; \
	[ $$checks -eq 0 ] && [ $$tests -eq 0 ]

SCHEDULES ?= 2000
SEED ?= $(shell date +%s)
simulate: ## SCHEDULES=2000 random schedules of everything that can happen to money, made from SEED=the time
	@sh runner/prepare.sh dev
	@$(PY) -m pytest -q -n $(TEST_WORKERS) -p no:logging tests/simulation --schedules $(SCHEDULES) --seed $(SEED)

check: ## lint, formatting, types and the import rules
	@sh runner/prepare.sh dev
	@failed=""; \
	$(PY) -m ruff check . || failed="$$failed ruff-check"; \
	$(PY) -m ruff format --check . || failed="$$failed ruff-format"; \
	ENVIRONMENT=test $(PY) -m mypy || failed="$$failed mypy"; \
	$(LINT_IMPORTS) || failed="$$failed lint-imports"; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

format: ## put the code into its one format
	@sh runner/prepare.sh dev
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

bench: ## the benchmark suite; JSON under var/bench/
	@sh runner/prepare.sh dev
	@$(PY) -m benchmarks

lock: ## resolve requirements*.in anew into the lock files
	@sh runner/prepare.sh dev
	@set -e; for name in requirements requirements-dev requirements-rules; do \
	alone=""; if [ $$name = requirements-rules ]; then alone=--no-deps; fi; \
	$(PY) -m uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header $$alone \
	--no-emit-index-url --no-emit-find-links --upgrade $$name.in --output-file $$name.txt; done

clean: ## stop the database; remove it, the environment and all caches
	@if [ -x $(PY) ]; then $(PY) -m runner.postgres stop || true; fi
	@if [ -L var/postgres ]; then rm -rf "$$(readlink var/postgres)"; fi
	@rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile
