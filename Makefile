# make demo   train -> quantise -> NIR -> Lava -> proof -> report, on data that comes with scikit-learn
# make test   the whole test suite
# Both need only Python 3.11-3.13 and make; the first run installs everything into .venv.
# make tools  programs that some backends and tests run; as root, on Debian and its kin
# make benchmarks  every measurement, on a quiet machine; DATA=DIR names the data directory

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# A change of the native sources installs again, which compiles them.
NATIVE := hatch_build.py $(wildcard brf_deploy/native/* training/brf_training/kernels/*.[ch]pp hardware/brf_hardware/fast/*.[ch]*)

# The C and Verilog backends, the instruction counter of the benchmarks, and the browser that looks at the report.
TOOLS  := chromium clang g++ g++-aarch64-linux-gnu gcc-arm-none-eabi iverilog libnewlib-arm-none-eabi \
          qemu-system-arm qemu-user valgrind verilator yosys

.PHONY: demo test quick lint types imports check install tools benchmarks clean

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

# lava-nc 0.10.0 and lava-dl 0.6.0 are archived and declare Python < 3.11; they work on 3.11-3.13 with the shims in
# brf_hardware/lava/shims.py and brf_export/netx/loader/shims.py, hence the separate line. NeuroBench asks for packages
# that replace torch; what is compared with it needs none of them.
$(STAMP): pyproject.toml constraints.txt $(NATIVE)
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,nir,lava,onnx,cost,report,oracles,test]"
	$(BIN)/python -m pip install --quiet --no-deps --ignore-requires-python lava-nc==0.10.0 lava-dl==0.6.0
	$(BIN)/python -m pip install --quiet --no-deps neurobench==2.3.0
	touch $(STAMP)

tools:
	apt-get install --yes --quiet --no-install-recommends $(TOOLS)

benchmarks: $(STAMP)
	$(BIN)/python benchmarks/training_speed.py --data $(DATA)
	$(BIN)/python benchmarks/training_scaling.py
	$(BIN)/python benchmarks/learning_curve.py --data $(DATA)
	$(BIN)/python benchmarks/integer_speed.py --data $(DATA)
	$(BIN)/python benchmarks/backend_speed.py --data $(DATA)
	$(BIN)/python benchmarks/equality.py --data $(DATA)
	$(BIN)/python benchmarks/instruction_counts.py
	$(BIN)/python benchmarks/pruned_exports.py --data $(DATA)
	$(BIN)/python benchmarks/mapping_speed.py

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
