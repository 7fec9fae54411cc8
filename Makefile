# Doppel's commands. "make help" lists them. They need Python 3.11 or later with venv and pip; nothing else on a fresh
# Debian or Ubuntu. Node is used for one check, the glTF validator, where it is there.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' blender_manifest.toml)
EXTENSION := dist/doppel-$(VERSION).zip
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

BASE := .venv/.doppel-base
TEST := .venv/.doppel-test
BLENDER := .venv-blender/.doppel-blender
NODE := $(if $(shell command -v npm),$(if $(wildcard tests/tools/package-lock.json),tests/tools/node_modules/.package-lock.json))

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
.PHONY: help

avatar: $(BASE)  ## make an avatar from a prompt, into out/
	$(BIN)/doppel generate "a woman in a red dress with long brown hair" --seed 7 --out out/
.PHONY: avatar

test: lint $(TEST) $(BLENDER) $(NODE)  ## everything that CI runs: linters, the tests, and the tests inside Blender
	$(BIN)/python -m pytest
	resources=$$(mktemp -d); trap 'rm -rf "$$resources"' EXIT; \
	BLENDER_USER_RESOURCES="$$resources" DOPPEL_WORKER_PYTHON="$(CURDIR)/$(BIN)/python" \
	  .venv-blender/bin/python -m pytest -c tests/blender/pytest.ini tests/blender
.PHONY: test

# The root is a Python package, too (Blender's extension): without explicit bases mypy would name modules after the folder.
lint: $(TEST)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy --explicit-package-bases
.PHONY: lint

extension: $(BLENDER)  ## build and validate dist/doppel-<version>.zip
	.venv-blender/bin/python tools/build_extension.py
.PHONY: extension

lock:  ## write the lock files anew for pyproject.toml; UPGRADE=1 takes newer versions. Needs uv
	$(PYTHON) tools/lock.py $(if $(UPGRADE),--upgrade)
.PHONY: lock

clean:  ## remove what was built, the environments included
	rm -rf .venv .venv-blender build dist out wheels *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/tools/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
.PHONY: clean

# The same script that the extension runs for its users. It chooses the build of torch: PyPI's wheel for Linux brings
# several gigabytes of CUDA, which a machine without an NVIDIA driver does not need.
$(BASE): pyproject.toml requirements.lock blender_addon/core/build_environment.py
	$(PYTHON) blender_addon/core/build_environment.py --environment .venv --base-python "$(PYTHON)"
	$(PIP) --no-deps -e .
	touch $@

$(TEST): $(BASE) requirements-test.lock
	$(PIP) --require-hashes --no-deps -r requirements-test.lock
	touch $@

# bpy is built for one Python each: 5.0 for 3.11 and 5.2 for 3.13.
$(BLENDER): tests/blender/pytest.ini
	@for python in "$(PYTHON)" python3.11 python3.13; do \
	  case "$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" in \
	    3.11) bpy=5.0.1 ;; \
	    3.13) bpy=5.2.3 ;; \
	    *) continue ;; \
	  esac; \
	  echo "Installing Blender $$bpy as a Python module into .venv-blender"; \
	  [ -x .venv-blender/bin/python ] || "$$python" -m venv .venv-blender; \
	  .venv-blender/bin/python -m pip install --disable-pip-version-check --quiet "bpy==$$bpy" "pyzmq>=26,<28" "pytest>=8,<10"; \
	  touch $@; \
	  exit 0; \
	done; \
	echo "The tests inside Blender need Python 3.11 or 3.13: install one of them (or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11)." >&2; \
	exit 1

tests/tools/node_modules/.package-lock.json: tests/tools/package-lock.json
	npm --prefix tests/tools ci --silent --no-audit --no-fund
	touch $@
