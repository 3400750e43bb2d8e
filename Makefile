# Everything a newcomer needs: `make` lists it. The first run makes .venv and installs into it.

PYTHON ?= python3
ARTIFACT ?= artifacts/wisconsin.joblib
RECIPE ?= wisconsin
IMAGE ?= malignancy
REQUESTS ?= 5000000

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

# The tests of what is imported to serve.
COVERING := tests/unit/service tests/integration/service tests/security \
	$(addprefix tests/unit/model/,network prediction metrics artifacts test_arrays.py) \
	tests/reference/test_arrow.py tests/reference/test_arrow_limits.py

.DEFAULT_GOAL := help
.PHONY: help serve train test coverage mutation check torture soak oracles clients bench image sbom clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(ARTIFACT) ## install, train when there is no artifact, serve on http://127.0.0.1:8000
	MALIGNANCY_ARTIFACT=$(ARTIFACT) $(BIN)/python -m service

train: $(VENV)/train ## train RECIPE (default: wisconsin) into artifacts/
	$(BIN)/python -m model train $(RECIPE)

test: $(VENV)/test ## run the tests
	$(BIN)/python -m pytest

coverage: $(VENV)/coverage ## measure what of the service and of all it imports the tests reach: 98 % of branches
	$(BIN)/python -m coverage erase
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m coverage run -m pytest --quiet $(COVERING)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

mutation: $(VENV)/mutation ## break the loader, the guards and access in 2000 ways: tests must see 85 % of them
	rm -rf mutants
	OPENBLAS_NUM_THREADS=1 $(BIN)/mutmut run
	$(BIN)/python tests/tools/mutation_score.py

check: $(VENV)/test ## ruff, mypy --strict, bandit, hadolint and the checks of the docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive model service
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m pytest --quiet tests/project/test_docs.py tests/project/test_docs_pages.py

torture: $(VENV)/test ## kill, starve and deceive it for some twenty minutes: faults, swaps, fuzzing
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --durations=0 tests/stress/stress_*.py

soak: $(VENV)/test ## ask it REQUESTS times, in every way, while its models change; nothing may grow
	OPENBLAS_NUM_THREADS=1 REQUESTS=$(REQUESTS) $(BIN)/python -m pytest --capture=no tests/stress/soak.py

oracles: $(VENV)/oracles ## compare with PyTorch, Keras, scikit-learn, ONNX Runtime, Dask (large installs)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest tests/reference

clients: $(VENV)/test $(VENV)-kserve $(VENV)-mlserver ## ask with the clients of KServe and MLServer
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest tests/reference/test_kserve.py tests/reference/test_mlserver.py

bench: $(VENV)/train ## time the training, beside the peers that are installed
	$(BIN)/python -m benchmarks.training.compare
	$(BIN)/python -m benchmarks.training.loop

image: ## build the container image
	docker build --tag $(IMAGE) .

sbom: ## list what the serving install holds, as CycloneDX, in sbom.json
	rm -rf $(VENV)/sbom
	$(PYTHON) -m venv $(VENV)/sbom/serving
	$(PYTHON) -m venv $(VENV)/sbom/tool
	$(VENV)/sbom/serving/bin/python -m pip install --quiet --constraint constraints.txt .
	$(VENV)/sbom/tool/bin/python -m pip install --quiet cyclonedx-bom==7.5.0
	$(VENV)/sbom/tool/bin/cyclonedx-py environment --pyproject pyproject.toml \
		--output-reproducible --output-file sbom.json $(VENV)/sbom/serving/bin/python

clean: ## remove what was made here: the virtual environment, artifacts and caches
	rm -rf $(VENV) $(VENV)-* artifacts mutants .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

artifacts/wisconsin.joblib: | $(VENV)/train
	$(BIN)/python -m model train wisconsin --output $@

$(VENV)/train: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[train]'
	@touch $@

$(VENV)/test: $(VENV)/train
	$(INSTALL) '.[train,test]'
	@touch $@

$(VENV)/coverage: $(VENV)/test
	$(INSTALL) '.[train,test,arrow,tracing]'
	@touch $@

$(VENV)/mutation: $(VENV)/test
	$(INSTALL) '.[train,test,mutation]'
	@touch $@

$(VENV)/oracles: $(VENV)/test
	$(INSTALL) '.[train,test,oracles]'
	@touch $@

# Each needs other versions of what the service itself needs.
$(VENV)-kserve: CLIENT := kserve==0.21.0
$(VENV)-mlserver: CLIENT := mlserver==1.7.1
$(VENV)-kserve $(VENV)-mlserver:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check $(CLIENT) || { rm -rf $@; exit 1; }
