PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench setup clean

# Trains a small QVU-Net from random weights, samples, evaluates and writes runs/quickstart/report.html.
demo: setup
	$(BIN)/qdiffusion train quickstart --out runs/quickstart --overwrite

test: setup lint
	$(BIN)/python -m pytest --numprocesses auto

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# Peers and this project side by side, about 22 minutes on a quiet machine; results into benchmarks/results and docs/benchmarks.md.
bench: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,bench]'
	for name in circuits banks training_step sampling chain_step dense cost_model; do $(BIN)/python benchmarks/$$name.py --out benchmarks/results/$$name.json || exit 1; done
	$(BIN)/python benchmarks/table.py

setup: .venv/ready

# torch first and pinned: it decides which build (CPU or CUDA) everything else finds installed.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qdiffusion needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build
