# make report    verdicts, proofs, counterexamples and bound versus actual, in one folder of pages
# make test      the test suite; with ARGS='-m slow' what takes minutes
# make check     lint, format and types
# make docs      the documentation as a site, in build/docs
# make help      this list
# make rocq      the theorems in the Rocq prover (Debian: coq libcoq-coquelicot)
# Each sets up what it needs in .venv of this checkout; a second call starts at once.

PYTHON ?= python3
VENV ?= .venv
INSTALL ?= -e '.[dev]'
WORKERS ?= 2
ARGS ?=
ROCQ ?= build/rocq

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
READY := $(VENV)/.ready
TYPED := $(VENV)/typed

.DEFAULT_GOAL := report
.PHONY: report test check docs help rocq clean

report: $(READY)
	@$(BIN)/bnverify report $(ARGS)

test: $(READY)
	@$(BIN)/pytest --numprocesses $(WORKERS) $(ARGS)

docs: $(READY)
	@$(PIP) -e '.[docs]'
	@$(BIN)/python docs/reference/make.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "build/docs/index.html; its search needs a server: python -m http.server --directory build/docs"

help:
	@sed -n 's/^# make/make/p' Makefile

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@rm -rf $(TYPED) build
	@$(PIP) --no-deps --target $(TYPED) .
	@MYPYPATH=$(TYPED) $(BIN)/mypy --config-file pyproject.toml --package bnverify

rocq: $(READY)
	@$(BIN)/python -P -m bnverify.theory.rocq $(ROCQ)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("bnverify needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV), once: 1 of 2, torch (a large download, some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) "$$(grep '^torch==' constraints.txt)"
	@echo "setting up $(VENV), once: 2 of 2, the rest (a minute or two)"
	@$(PIP) $(INSTALL)
	@touch $(READY)

clean:
	rm -rf $(VENV) report build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
