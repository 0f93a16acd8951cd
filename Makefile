# Every target is one command; the first one that runs also sets up .venv, and sets it up anew only when pyproject.toml has changed.
# Needs: Python 3.11 or newer with pip, and the package index that pip is configured for. Another interpreter: make PYTHON=python3.12 test

PYTHON ?= python3
VENV   ?= .venv
BENCH  := build/bench-venv
LOWEST ?= build/lowest-venv
SAMPLE := sample_models/fitnet
PIP     = -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest check bench fuzz samples readme clean

help:
	@echo 'make demo     run the main job on a small sample network'
	@echo 'make test     run all tests'
	@echo 'make test-lowest  with the lowest versions that are allowed'
	@echo 'make check    lint, formatting, types'
	@echo 'make bench    measure, in an environment of its own (make bench ONLY="kernel csv")'
	@echo 'make fuzz     try hostile files for ten minutes (make fuzz SECONDS=60)'
	@echo 'make samples  make the sample models anew'
	@echo 'make readme   fill in the outputs that README.md shows'
	@echo 'make clean    remove everything that make made'

demo: $(VENV)/.ready
	$(VENV)/bin/nngrad info $(SAMPLE).mat
	head -n 3 $(SAMPLE)_x.csv
	$(VENV)/bin/nngrad predict $(SAMPLE).mat -i $(SAMPLE)_x.csv | head -n 3
	$(VENV)/bin/nngrad jacobian $(SAMPLE).mat -i $(SAMPLE)_x.csv | head -n 3

test: $(VENV)/.ready
	$(VENV)/bin/python -m pytest -n auto

test-lowest: $(LOWEST)/.ready
	$(LOWEST)/bin/python -m pytest -n auto --ignore=tests/fuzz --ignore=tests/emitters --ignore=tests/real --ignore=tests/test_readme.py

check: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(BENCH)/.ready
	$(BENCH)/bin/python tests/benchmarks $(ONLY)

fuzz: $(VENV)/.ready
	$(VENV)/bin/python -m tests.fuzz --seconds $(or $(SECONDS),600)

samples: $(VENV)/.ready
	for script in sample_models/make_*.py; do $(VENV)/bin/python $$script || exit 1; done

readme: $(VENV)/.ready
	$(VENV)/bin/python tests/test_readme.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.ready: pyproject.toml
	$(call environment,$(VENV),test$(comma)check)

$(LOWEST)/.ready: pyproject.toml tests/lowest.txt
	$(call environment,$(LOWEST),test,-c tests/lowest.txt)

$(BENCH)/.ready: pyproject.toml
	$(call environment,$(BENCH),bench)

# $(call environment,FOLDER,EXTRAS[,OPTIONS OF PIP]). Some systems ship a venv module that can't install pip into the new environment: then the outer pip does it.
comma := ,
define environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "nngrad needs Python 3.11 or newer, found: $$($(PYTHON) -V 2>&1); name another with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
@echo 'setting up $(1) (once, about a minute)'
@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; \
	then $(PYTHON) -m venv --clear $(1) && $(1)/bin/python $(PIP) $(3) -e '.[$(2)]'; \
	else $(PYTHON) -m venv --clear --without-pip $(1) && $(PYTHON) -m pip --python $(1)/bin/python install --quiet --disable-pip-version-check $(3) -e '.[$(2)]'; fi
@touch $@
endef
