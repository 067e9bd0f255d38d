# Everything runs in .venv, which needs only Python and pip. PYTHON chooses the interpreter that creates it.
PYTHON ?= python3
BIN := .venv/bin
TF_CPP_MIN_LOG_LEVEL ?= 3
export TF_CPP_MIN_LOG_LEVEL
# Whole files of tests are shared out among so many processes, of up to 4 GB each.
PROCESSES ?= 2
SHARED := -n $(PROCESSES) --dist loadfile
# The tests that run on every Keras backend.
ON_KERAS := tests/measure/test_conformance.py tests/measure/test_probe.py tests/measure/test_measurement.py \
	tests/measure/test_precision.py tests/measure/test_callback.py tests/measure/test_saturation.py tests/training/test_unkept.py
# The tests that run on PyTorch alone, and those of keras_hub, which is installed beside it.
ON_TORCH := tests/measure/test_torch_modules.py tests/candidates/test_torch_candidates.py tests/candidates/test_torch_elsewhere.py \
	tests/candidates/test_timm_candidates.py tests/candidates/test_hub_candidates.py tests/scores/test_zero_cost.py
# The tests that need Ray: clusters of two machines on this one.
ON_RAY := tests/engines/test_ray.py tests/engines/test_ray_trainings.py

.PHONY: demo tour docs test lint proofs proven unit jax torch ray mlflow heavy bench evidence evidence-slow wheel wheel-test mutation clean

demo: .venv/installed            ## rank the embedded candidates on scikit-learn's digits, with predictions and truth side by side
	$(BIN)/ncap demo --out demo

tour: .venv/tested               ## the tour for teaching: build/tour.html, one page that works offline
	$(BIN)/python reference/tour_page.py build/tour.html

# Not part of `make test`: Sphinx is there for the site alone.
docs: .venv-docs/tested tour     ## the site, from build/site/index.html on; fails where a reference is missing
	rm -rf build/site
	.venv-docs/bin/python docs/pages.py
	.venv-docs/bin/python -m sphinx -q -j 2 -E -W --keep-going -c docs -d build/doctrees build/docs build/site
	.venv-docs/bin/python -m pytest tests/docs/test_built_site.py

test: .venv/tested lint proven unit jax ## linter, types, imports, proofs, tests, doctests, README examples; Keras tests on JAX too

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

proofs:                          ## rebuild the proofs and audit them; needs coq and libcoq-mathcomp-algebra
	$(MAKE) -C proofs clean
	$(MAKE) -C proofs

# Without Coq, everything else can still be tested; a line says that the proofs were skipped.
proven:
	@if coqtop -q -batch -rfrom mathcomp.algebra ssralg >/dev/null 2>&1; then $(MAKE) proofs; \
		else echo "PROOFS SKIPPED: no Coq with MathComp here; apt-get install coq libcoq-mathcomp-algebra"; fi

unit: .venv/tested
	KERAS_BACKEND=tensorflow $(BIN)/pytest $(SHARED) -m "not heavy"

jax: .venv/tested
	KERAS_BACKEND=jax JAX_ENABLE_X64=1 $(BIN)/pytest $(SHARED) -m "not heavy" $(ON_KERAS)

# Not part of `make test`, because PyTorch is another large framework. A CPU build is enough; pip's default on Linux brings 6 GB of CUDA.
torch: .venv-torch/tested        ## the Keras tests on PyTorch, with candidates from PyTorch, timm and keras_hub, in a separate environment
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest $(SHARED) -m "not heavy" $(ON_KERAS) $(ON_TORCH)

# Not part of `make test`: MLflow brings thirty packages that nothing else here needs.
mlflow: .venv-mlflow/tested      ## examples/mlflow_keras.py, in a separate environment
	.venv-mlflow/bin/python -m pytest tests/integrations/test_mlflow_example.py

# Not part of `make test` either: every cluster takes its time to start.
ray: .venv-ray/tested            ## the Ray engine on clusters of two machines, parts of which are killed, in a separate environment
	.venv-ray/bin/python -m pytest -m "not heavy" $(ON_RAY)

heavy: .venv/tested .venv-ray/tested ## long property tests: 10,000 examples for the oracle, 1,000 with Keras; killed jobs
	NCAP_HYPOTHESIS=long $(BIN)/pytest tests/reference
	NCAP_HYPOTHESIS=long $(BIN)/pytest tests/test_properties.py -k oracle
	NCAP_HYPOTHESIS=long-keras $(BIN)/pytest tests/measure/test_conformance.py tests/test_properties.py -k "not oracle"
	$(BIN)/pytest -m heavy
	.venv-ray/bin/python -m pytest -m heavy $(ON_RAY) tests/engines/test_counted_kills.py
	KERAS_BACKEND=jax JAX_ENABLE_X64=1 $(BIN)/ncap verify
	KERAS_BACKEND=jax JAX_ENABLE_X64=1 $(BIN)/pytest tests/scores/test_zero_cost.py

mutation: .venv/mutation         ## do the tests notice at least 90 % of small faults in the core? Resumes where it stopped
	$(BIN)/python tests/mutation/run.py

bench: .venv/tested              ## costs, with pytest-benchmark; T_beta / T_train of the demo's candidates
	$(BIN)/pytest benchmarks --benchmark-only
	$(BIN)/ncap bench

evidence: .venv/tested           ## tables, figures and the answer of benchmarks/evidence, from its stored tables
	$(BIN)/python -m benchmarks.evidence.page

evidence-slow: .venv/tested      ## the predictions of slow rules that the evidence lacks
	$(BIN)/python -m benchmarks.evidence.predictions

# The wheel is built from the sdist, so that what tests the one has tested the other.
wheel: .venv/tested              ## dist/: the sdist and the wheel
	rm -rf build/lib build/bdist.* dist
	$(BIN)/python -m build --outdir dist . >/dev/null

# The new environment sees the packages of .venv, so that TensorFlow is not installed twice, but not its editable ncap: Python does not
# follow .pth files in a folder that another .pth file names.
wheel-test: wheel                ## test the installed wheel, from a folder without the sources
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m venv --without-pip build/wheel/.venv
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > build/wheel/tested.pth
	mv build/wheel/tested.pth "$$(build/wheel/.venv/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")"
	$(BIN)/pip --python build/wheel/.venv/bin/python install --quiet --no-deps dist/*.whl
	cp -r tests README.md pyproject.toml build/wheel
	cd build/wheel && .venv/bin/python -c "import ncap; assert 'build/wheel/.venv' in ncap.__file__, ncap.__file__"
	cd build/wheel && NCAP_DATA=$${NCAP_DATA:-$(abspath ../shared/data)} KERAS_BACKEND=tensorflow \
		.venv/bin/python -m pytest -m "not heavy" tests --pyargs ncap

# -c pins the versions that the tests have run on. The stamp is out of date when either file changes.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/tested: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch .venv/installed $@

# An environment of its own for one purpose, $(1), with the packages $(2). It sees those of .venv, so that nothing is installed twice, and
# the sources, for processes that a test starts elsewhere as well.
define beside
	$(BIN)/python -m venv .venv-$(1)
	$(BIN)/python -c "import os, sysconfig; print(sysconfig.get_path('purelib'), os.getcwd(), sep='\n')" > .venv-$(1)/tested.pth
	mv .venv-$(1)/tested.pth "$$(.venv-$(1)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")"
	.venv-$(1)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt $(2)
	touch $@
endef

.venv-torch/tested: .venv/tested
	$(call beside,torch,torch timm keras-hub)

.venv-mlflow/tested: .venv/tested
	$(call beside,mlflow,mlflow-skinny)

.venv-ray/tested: .venv/tested
	$(call beside,ray,ray cloudpickle)

.venv-docs/tested: .venv/tested
	$(call beside,docs,sphinx myst-parser furo)

.venv/mutation: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutation]'
	touch .venv/installed .venv/tested $@

clean:
	rm -rf .venv .venv-torch .venv-mlflow .venv-ray .venv-docs build dist demo *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache .benchmarks
