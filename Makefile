# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# The range of torch that is tested; users are not bound to it (docs/decisions/0008).
TORCH := torch>=2.9,<2.14

# The compiled tests are kept: without them, collecting takes 4 seconds longer each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test coverage lint check smoke bench docs web format clean python

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# Checked before each command that uses .venv; as a prerequisite after "|" it rebuilds nothing.
python:
	@used=$(PYTHON); advice="name one, such as: make PYTHON=python3.12 demo"; \
	if test -x $(BIN)/python; then used=$(BIN)/python; advice="run: make clean"; fi; \
	$$used -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$used is not Python 3.11 or newer; $$advice" >&2; exit 1; }
ifneq ($(origin PYTHON),file)
	@! test -x $(BIN)/python || test "$$($(BIN)/python -V)" = "$$($(PYTHON) -V)" || \
	  { echo ".venv is not of the $(PYTHON) that PYTHON names; run: make clean" >&2; exit 1; }
endif

# TORCH_INDEX, if set, is the package index for torch, for example that of PyTorch's CPU wheels on
# a Linux machine without a GPU, where the default wheel is several GB (README, "Install").
.venv/ready: pyproject.toml | python
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check '$(TORCH)' $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(BIN)/pip install -q --disable-pip-version-check -e '.[serve]'
	touch $@

.venv/dev: .venv/ready
	$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	touch $@

demo: .venv/ready ## set up, train on MovieLens-100K, show tables and recommendations
	$(BIN)/prismrec demo

lint: .venv/dev ## format, lint, types, prose
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/python tools/prose.py
	$(BIN)/mypy

check: lint ## the same and the fast tests: under a minute
	$(BIN)/pytest -q -n 2 -m 'not slow'

test: .venv/dev ## set up and run every test: ten to sixteen minutes
	$(BIN)/pytest -q -n 2 --dist loadfile

coverage: .venv/dev ## run every test and show which lines and branches none of them ran
	$(BIN)/pytest -q -n 2 --dist loadfile --cov --cov-report term:skip-covered

smoke: .venv/dev ## build the wheel and try it in a clean environment: seconds
	$(BIN)/python tools/smoke.py

bench: .venv/dev ## every benchmark, one JSON line per result
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

docs: .venv/dev ## write the generated parts of docs/
	$(BIN)/python docs/generate.py

web: .venv/dev ## make the page's types, check, test and build it, into the package (needs Node)
	npm ci --prefix web --silent
	$(BIN)/python web/openapi.py
	npm run --prefix web --silent types
	npm run --prefix web --silent check
	npm run --prefix web --silent test
	npm run --prefix web --silent build

format: .venv/dev ## format the code and fix what ruff can fix
	$(BIN)/ruff format -q .
	$(BIN)/ruff check -q --fix .

clean: ## remove everything that these commands made
	rm -rf .venv demo data
