# Two commands on a fresh machine with Python >= 3.11 and make: `make run`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STEP := tools/step.sh
# Leave pip's own configuration (index, certificates, cache) as the user has it.
INSTALL := $(BIN)/python -m pip install --quiet -c constraints.txt

.PHONY: run test install lint unit network notebook browser-test bench train train-test docs docs-test docs-update extras fuzz wheel-test clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@$(STEP) install sh -c '$(PYTHON) -m venv $(VENV) && $(INSTALL) hatchling editables && $(INSTALL) --no-build-isolation -e ".[onnx,tflite,images,test]"'
	@touch $@

run: install
	@$(STEP) run $(BIN)/accelsim run

test: install
	@$(STEP) "lint and types" $(MAKE) --no-print-directory lint
	@$(STEP) "unit and twin tests" $(MAKE) --no-print-directory unit
	@$(STEP) "one real network" $(MAKE) --no-print-directory network
	@$(STEP) "one notebook" $(MAKE) --no-print-directory notebook

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# A file's tests go to one process, in the order of tests/conftest.py: two would compile the same kernels at once.
unit: install
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
	  -m "not network and not notebook and not docs and not browser and not kill"

network: install
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m network

notebook: install
	$(BIN)/python -m pytest -q -m notebook -k pe_count_scaling

# QUICK="--quick --only dram": fewer repeats, a part of ResNet-50, a group of figures.
bench: install
	$(BIN)/python -m benchmarks $(QUICK)

# Minutes; rewrites workloads/digits*: docs/digits.md.
train: install
	@$(STEP) "install jax" $(INSTALL) --no-build-isolation -e ".[onnx,images,train]"
	@$(STEP) train $(BIN)/python tools/train_digits.py

# The tests that need JAX; `make test` skips them.
train-test: install
	@$(STEP) "install jax" $(INSTALL) --no-build-isolation -e ".[onnx,tflite,images,test,train]"
	@$(STEP) "training tests" $(BIN)/python -m pytest -q tests/compress

# The site, into results/docs; a warning is an error.
docs: install
	@$(STEP) "install sphinx" $(INSTALL) --no-build-isolation -e ".[onnx,tflite,images,test,docs]"
	@$(STEP) "docs site" $(BIN)/python -m sphinx -q -E -W --keep-going -b html -d results/docs-doctrees docs results/docs

# Runs what README and docs show, and compares what it prints; ONLY="-k README": pages whose path holds a word.
docs-test: install
	$(BIN)/python -m pytest -q -m docs $(ONLY)

# Rewrites in README and docs what the commands print now; SLOW=--slow: all as it stands there.
docs-update: install
	$(BIN)/python tools/docs_run.py $(SLOW) $(PAGES)

# Reports in Debian's Chromium, which apt installs if it is not there.
browser-test: install
	tools/chromium.sh
	@$(STEP) "install selenium" $(INSTALL) --no-build-isolation -e ".[onnx,tflite,images,test,browser]"
	@$(STEP) "browser tests" $(BIN)/python -m pytest -q -m browser

# Every reader, for so many seconds in all; found inputs go to results/fuzz.
SECONDS ?= 60
fuzz: install
	@$(STEP) "install atheris" $(INSTALL) --no-build-isolation -e ".[onnx,tflite,images,test,fuzz]"
	@$(STEP) fuzz $(BIN)/python tests/fuzz/run.py --seconds $(SECONDS)

# Every extra at once; after it each of the above works with INSTALL=true.
extras: install
	@$(STEP) "install all extras" $(INSTALL) --no-build-isolation -e ".[onnx,tflite,images,test,train,docs,browser,fuzz]"

wheel-test: install
	$(BIN)/python tools/wheel_test.py

clean:
	rm -rf $(VENV) dist results docs/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
