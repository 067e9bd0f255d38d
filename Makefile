# Everything runs in .venv, made from Python and pip alone. PYTHON chooses the interpreter that makes it.
PYTHON ?= python3
BIN := .venv/bin
TF_CPP_MIN_LOG_LEVEL ?= 3
export TF_CPP_MIN_LOG_LEVEL

.PHONY: demo test lint unit jax heavy bench wheel clean

demo: .venv/installed            ## rank the embedded candidates on scikit-learn's digits, with the truth beside the prediction
	$(BIN)/ncap demo --out demo

test: .venv/tested lint unit jax ## linter, types, tests, doctests, README examples; the Keras tests on JAX too

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: .venv/tested
	KERAS_BACKEND=tensorflow $(BIN)/pytest -m "not heavy"

jax: .venv/tested
	KERAS_BACKEND=jax JAX_ENABLE_X64=1 $(BIN)/pytest -m "not heavy" tests/test_conformance.py tests/test_probe.py tests/test_measure.py tests/test_precision.py

heavy: .venv/tested              ## long properties: 10,000 examples of the oracle's, 1,000 of those with Keras
	NCAP_HYPOTHESIS=long $(BIN)/pytest tests/reference
	NCAP_HYPOTHESIS=long-keras $(BIN)/pytest tests/test_conformance.py tests/test_properties.py

bench: .venv/tested              ## costs, with pytest-benchmark; T_beta / T_train of the demo's candidates
	$(BIN)/pytest benchmarks --benchmark-only
	$(BIN)/ncap bench

wheel: .venv/tested
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

# -c: the versions that the tests have run on. The stamp is older than what it depends on when either changes.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/tested: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch .venv/installed $@

clean:
	rm -rf .venv build dist demo *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache .benchmarks
