# Needs Python 3.11 or newer (with venv) and make. Everything else goes into .venv, and again only when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
.DEFAULT_GOAL := help
.PHONY: help demo test check lint compare bench docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## load real data into DuckDB and look at it; no network
	@$(RUN) examples/demo.py

test: $(VENV)/.test ## run all tests; ARGS="tests/schema -k naming" for some
	@$(RUN) -m pytest -n auto $(ARGS)

check: lint ## what to run before a commit: lint, types, fast tests
	@$(RUN) -m pytest -n auto -m "not slow and not server and not compare" $(ARGS)

lint: $(VENV)/.test ## lint, format and types
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy

docs: $(VENV)/.test ## run every Python block of README.md and docs/
	@$(RUN) -m pytest tests/test_docs.py $(ARGS)

compare: $(VENV)/.test ## load the same with dlt 1.31, and by turns; it is installed into benchmarks/.env-dlt
	@$(RUN) -m pytest -m compare tests/compare $(ARGS)

bench: ## measure against dlt 1.31 and DuckDB alone; ARGS="--only flat --rounds 3"
	@$(PYTHON) benchmarks/run.py $(ARGS)

clean: ## remove environments, caches and benchmark data
	rm -rf $(VENV) benchmarks/.env-* benchmarks/data .mypy_cache .pytest_cache .ruff_cache .hypothesis

# A stamp for each extra: .venv/.test is newer than pyproject.toml when the extra `test` is installed as it stands there.
$(VENV)/.%: pyproject.toml | $(RUN)
	@echo "installing the extra $* into $(VENV)"
	@if [ -x $(VENV)/bin/uv ]; then $(VENV)/bin/uv pip install -q --python $(RUN) -e '.[$*]'; \
	else $(RUN) -m pip install -q --disable-pip-version-check -e '.[$*]'; fi
	@touch $@

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install -q --disable-pip-version-check uv || echo "uv is not to be had, pip does it"
