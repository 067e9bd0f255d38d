# Everything runs in .venv, made from Python and pip alone. PYTHON chooses the interpreter that makes it.
PYTHON ?= python3
BIN := .venv/bin
TF_CPP_MIN_LOG_LEVEL ?= 3
export TF_CPP_MIN_LOG_LEVEL
# What runs on every backend of Keras.
ON_KERAS := tests/measure/test_conformance.py tests/measure/test_probe.py tests/measure/test_measurement.py \
	tests/measure/test_precision.py tests/measure/test_callback.py

.PHONY: demo tour test lint proofs proven unit jax torch heavy bench wheel wheel-test mutation clean

demo: .venv/installed            ## rank the embedded candidates on scikit-learn's digits, with the truth beside the prediction
	$(BIN)/ncap demo --out demo

tour: .venv/tested               ## the tour for teaching: build/tour.html, one page that needs no network
	$(BIN)/python reference/tour_page.py build/tour.html

test: .venv/tested lint proven unit jax ## linter, types, imports, proofs, tests, doctests, README examples; the Keras tests on JAX too

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

proofs:                          ## build the proofs from clean and audit them; needs coq and libcoq-mathcomp-algebra
	$(MAKE) -C proofs clean
	$(MAKE) -C proofs

# Whoever has no Coq can still test the rest, and is told.
proven:
	@if coqtop -q -batch -rfrom mathcomp.algebra ssralg >/dev/null 2>&1; then $(MAKE) proofs; \
		else echo "PROOFS SKIPPED: no Coq with MathComp here; apt-get install coq libcoq-mathcomp-algebra"; fi

unit: .venv/tested
	KERAS_BACKEND=tensorflow $(BIN)/pytest -m "not heavy"

jax: .venv/tested
	KERAS_BACKEND=jax JAX_ENABLE_X64=1 $(BIN)/pytest -m "not heavy" $(ON_KERAS)

# Outside `make test`: PyTorch is another large framework. A CPU build is enough; what pip takes by default on Linux brings 6 GB of CUDA.
torch: .venv-torch/tested        ## the Keras tests on PyTorch, and a PyTorch network as a candidate, in an environment of their own
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest -m "not heavy" $(ON_KERAS) tests/measure/test_torch_modules.py

heavy: .venv/tested              ## long properties: 10,000 examples of the oracle's, 1,000 of those with Keras; killed jobs
	NCAP_HYPOTHESIS=long $(BIN)/pytest tests/reference
	NCAP_HYPOTHESIS=long $(BIN)/pytest tests/test_properties.py -k oracle
	NCAP_HYPOTHESIS=long-keras $(BIN)/pytest tests/measure/test_conformance.py tests/test_properties.py -k "not oracle"
	$(BIN)/pytest -m heavy
	KERAS_BACKEND=jax JAX_ENABLE_X64=1 $(BIN)/ncap verify

mutation: .venv/mutation         ## at least 90 % of small faults in the core noticed; half an hour, goes on where it stopped
	$(BIN)/python tests/mutation/run.py

bench: .venv/tested              ## costs, with pytest-benchmark; T_beta / T_train of the demo's candidates
	$(BIN)/pytest benchmarks --benchmark-only
	$(BIN)/ncap bench

wheel: .venv/tested
	rm -rf build/lib build/bdist.* dist
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

# The environment sees the packages of .venv, so that no second TensorFlow is installed, but not its editable ncap: Python follows
# no .pth file in a folder that a .pth file names.
wheel-test: wheel                ## the suite on the installed wheel, from a folder without the sources
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m venv --without-pip build/wheel/.venv
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > build/wheel/tested.pth
	mv build/wheel/tested.pth "$$(build/wheel/.venv/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")"
	$(BIN)/pip --python build/wheel/.venv/bin/python install --quiet --no-deps dist/*.whl
	cp -r tests README.md pyproject.toml build/wheel
	cd build/wheel && .venv/bin/python -c "import ncap; assert 'build/wheel/.venv' in ncap.__file__, ncap.__file__"
	cd build/wheel && NCAP_DATA=$${NCAP_DATA:-$(abspath ../shared/data)} KERAS_BACKEND=tensorflow \
		.venv/bin/python -m pytest -m "not heavy" tests --pyargs ncap

# -c: the versions that the tests have run on. The stamp is older than what it depends on when either changes.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/tested: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch .venv/installed $@

# It sees the packages of .venv, so that nothing is installed twice; ncap itself it finds in the folder that pytest runs in.
.venv-torch/tested: .venv/tested
	$(BIN)/python -m venv .venv-torch
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > .venv-torch/tested.pth
	mv .venv-torch/tested.pth "$$(.venv-torch/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")"
	.venv-torch/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	touch $@

.venv/mutation: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutation]'
	touch .venv/installed .venv/tested $@

clean:
	rm -rf .venv .venv-torch build dist demo *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache .benchmarks
