# make demo   train -> quantise -> NIR -> Lava -> proof -> report, on data that comes with scikit-learn
# make test   the whole test suite
# Both need only Python 3.11-3.13 and make; the first run installs everything into .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# A change of the native sources installs again, which compiles them.
NATIVE := hatch_build.py $(wildcard brf_deploy/native/* training/brf_training/kernels/*.[ch]pp hardware/brf_hardware/fast/*.[ch]*)

.PHONY: demo test quick lint types imports check install clean

demo: $(STAMP)
	$(BIN)/brf-deploy demo --out demo

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

quick: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

check: lint types imports test

install: $(STAMP)

# lava-nc 0.10.0 is archived and declares Python < 3.11; it works on 3.11-3.13 with the two shims in
# brf_hardware/lava/shims.py, hence the separate line.
$(STAMP): pyproject.toml constraints.txt $(NATIVE)
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,nir,lava,onnx,report,test]"
	$(BIN)/python -m pip install --quiet --no-deps --ignore-requires-python lava-nc==0.10.0
	touch $(STAMP)

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
