# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
TORCH := torch>=2.9,<2.14

.DEFAULT_GOAL := help
.PHONY: help demo test lint check bench docs web format clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# TORCH_INDEX, if set, is where torch is taken from: PyTorch's CPU wheels, say, on a Linux
# machine without a GPU, where the default wheel is several GB (README, "Install").
.venv/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(if $(TORCH_INDEX),$(BIN)/pip install -q '$(TORCH)' --index-url $(TORCH_INDEX))
	$(BIN)/pip install -q --disable-pip-version-check -e '.[serve]'
	touch $@

.venv/dev: .venv/ready
	$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	touch $@

demo: .venv/ready ## set up, train on MovieLens-100K, show tables and recommendations
	$(BIN)/prismrec demo

lint: .venv/dev ## format, lint, types
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy

check: lint ## the same, architecture and fast tests: under a minute
	$(BIN)/pytest -q -n 2 -m 'not slow'

test: .venv/dev ## set up and run every test: under ten minutes
	$(BIN)/pytest -q -n 2 --dist loadfile --cov --cov-report term:skip-covered

bench: .venv/dev ## every benchmark, one JSON line a result
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

docs: .venv/dev ## write the generated tables of docs/
	$(BIN)/python docs/generate.py

web: ## check, test and build the page, into the package (needs Node)
	npm ci --prefix web --silent
	npm run --prefix web --silent check
	npm run --prefix web --silent test
	npm run --prefix web --silent build

format: .venv/dev ## put the code in order
	$(BIN)/ruff format -q .
	$(BIN)/ruff check -q --fix .

clean: ## remove what was built
	rm -rf .venv demo data
