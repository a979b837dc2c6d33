# make demo and make test are all a newcomer needs; both make what they lack.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
SOURCES := mailapp tests twisted
TRIAL := $(BIN)/trial --jobs auto --temp-directory $(VENV)/trial tests.unit tests.contract
DEMO ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit trial threats docs bench packages clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.installed ## Start a mail server to play with (DEMO="--check" passes options)
	@$(BIN)/mailapp demo $(DEMO)

# With CI hypothesis tries the same examples each time, so that a change fails for what it
# changed; run by hand, pytest and trial try others.
test unit trial: export CI := 1

test: packages lint ## Check everything: lint, types, house rules, all tests (about 8 minutes)
	@$(BIN)/python -m pytest -q -n auto --maxprocesses 8 --dist loadfile \
		--ignore tests/interop --ignore tests/crash
	@# These start servers and wait for them: two at a time, however many processors.
	@$(BIN)/python -m pytest -q -n 2 --dist loadscope tests/interop tests/crash
	@$(TRIAL)

lint: $(VENV)/.installed-test ## Check style, types and who imports whom
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

unit: $(VENV)/.installed-test ## Run the fast tests only
	@$(BIN)/python -m pytest -q -n auto --maxprocesses 8 tests/unit tests/contract

trial: $(VENV)/.installed-test ## Run the fast tests with Twisted's own runner
	@$(TRIAL)

threats: $(VENV)/.installed-test ## Print the known attacks against the tests that play them
	@$(BIN)/python -m tests.tools.threats

docs: $(VENV)/.installed-test ## Write the generated pages again
	@$(BIN)/python -m mailapp.config.reference
	@$(BIN)/python -m tests.tools.rfc docs
	@$(BIN)/python -m tests.tools.threats docs

bench: $(VENV)/.installed-test ## Measure the hot paths
	@for file in tests/bench/bench_*.py; do \
		echo; echo "$$file"; $(BIN)/python -m tests.bench.$$(basename $$file .py) || exit 1; \
	done

packages: ## Install the mail clients that some tests need (Debian, as root)
	@sh .ci/packages

clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# ---- the virtual environment
# Editable in "compat" mode: in the default mode twistd does not find the plug-in.

$(BIN)/python:
	@PYTHON="$(PYTHON)" sh .ci/venv $(VENV)

$(VENV)/.installed: $(BIN)/python setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat --editable .
	@touch $@

$(VENV)/.installed-test: $(BIN)/python setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat --editable '.[test]'
	@touch $@ $(VENV)/.installed
