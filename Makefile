# Every target works on a new machine with Python 3.11+, pip and make. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
# The folder of photos stands for its files: their names contain spaces, which make cannot handle.
SOURCES := $(shell find schemas ocr_worker rules klaviyo_sink streams -type f -not -name '*.pyc') samples/photos pyproject.toml README.md
# --without-pip: Debian's python3 has no ensurepip, and the outer pip can install into .venv.
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check
UI_PIP := $(PYTHON) -m pip --python .venv-ui/bin/python --disable-pip-version-check
VLLM_PIP := $(PYTHON) -m pip --python .venv-vllm/bin/python --disable-pip-version-check

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

.PHONY: demo
demo: .venv/hangtag ## Run the whole chain on sample photos: broker, OCR, rules, local Klaviyo
	$(BIN)/hangtag demo

.PHONY: ui
ui: .venv-ui/hangtag ## Serve a page to try photos on: http://127.0.0.1:7860
	.venv-ui/bin/hangtag ocr ui

.PHONY: test
# Four at a time on two cores, because many tests wait. The long ones, on a real Kafka, come before the unit tests.
# Each of the processes that run tests reads all of them first; compiled ones take half the time.
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/dev .venv/hangtag .venv-s3/locked ## Run the tests (real Kafka too, where java and mvn are present)
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: test-vllm
test-vllm: .venv/dev .venv/hangtag .venv-vllm/vllm ## Test against vLLM itself, with tiny models on the CPU (x86-64 Linux, 6 GB)
	PYTHONPATH=. .venv-vllm/bin/python -m pytest --noconftest -W ignore tests/contract/vllm/test_models.py
	HANGTAG_TEST_VLLM=$(CURDIR)/.venv-vllm/bin/vllm HANGTAG_TEST_VLLM_OLDER=$(CURDIR)/.venv-vllm/older \
	  $(BIN)/pytest tests/contract/vllm/test_servers.py

.PHONY: check
check: .venv/dev .venv/hangtag ## Format, lint, types and import direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

.PHONY: kafka
kafka: .venv/dev .venv/hangtag ## Run a real Apache Kafka in the foreground (needs java and mvn)
	$(BIN)/python tests/kafka/cluster.py

.PHONY: chaos
chaos: .venv/dev .venv/hangtag ## Kill workers and brokers for minutes and count what was lost (needs java and mvn)
	$(BIN)/python tests/kafka/chaos/harness.py --uploads 10000 --per-s 50 --actions 48 --broker-restarts 2 --broker-freezes 2 \
	  --truncations 3 --foreign 4 --seed 1
	$(BIN)/python tests/kafka/chaos/harness.py --uploads 10000 --per-s 50 --actions 48 --broker-restarts 3 --brokers 3 --broker-freezes 3 \
	  --foreign 4 --transactions --seed 2
	$(BIN)/python tests/kafka/chaos/harness.py --uploads 4000 --per-s 60 --actions 8 --every-s 5 --rolling-only --seed 3

.PHONY: bench
bench: .venv/dev .venv/hangtag ## Measure speed against peers on a real Kafka; writes bench/results/
	$(BIN)/python bench/streams.py
	$(BIN)/python bench/chain.py

.PHONY: images
images: ## Build every image, print the sizes and check each (needs a Docker engine; BUILD_ARGS go to docker build)
	@$(PYTHON) tests/images/build_images.py $(BUILD_ARGS)

.PHONY: smoke-compose
smoke-compose: ## Start docker-compose.yml, post photos and wait for their profiles (needs a Docker engine)
	@$(PYTHON) tests/images/smoke_compose.py $(BUILD_ARGS)

.PHONY: audit
audit: .venv-audit/locked ## Look up known weaknesses of the locked dependencies at PyPI
	for lock in runtime ui vllm; do \
	  .venv-audit/bin/pip-audit -r requirements/$$lock.lock --require-hashes --disable-pip --strict || exit 1; done

.PHONY: sbom
sbom: .venv-audit/locked ## Write hangtag.cdx.json, a bill of materials (CycloneDX) of all dependencies
	.venv-audit/bin/cyclonedx-py requirements requirements/runtime.lock --pyproject pyproject.toml \
	  --mc-type application --output-reproducible --of JSON -o hangtag.cdx.json

.PHONY: docs
docs: .venv/hangtag ## Write the pages and schemas that are generated from the code
	$(BIN)/python docs/generate.py

.PHONY: docs-site
docs-site: .venv-docs/locked ## Build docs/ as a site in site/; a dead link fails
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build

.PHONY: lock
lock: ## Choose dependency versions again (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  pyproject.toml --extra cpu --group build -o requirements/runtime.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  pyproject.toml --extra cpu --extra otel --extra postgres --group build --group dev -c requirements/runtime.lock -o requirements/dev.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  pyproject.toml --extra cpu --extra ui -o requirements/ui.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  --override requirements/vllm-overrides.in requirements/vllm.in -o requirements/vllm.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-deps --python-version 3.11 \
	  requirements/vllm-older.in -o requirements/vllm-older.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  requirements/audit.in -o requirements/audit.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  requirements/docs.in -o requirements/docs.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  requirements/s3.in -o requirements/s3.lock

.PHONY: clean
clean: ## Remove the files that the targets made
	rm -rf .venv .venv-audit .venv-docs .venv-s3 .venv-ui .venv-vllm hangtag.cdx.json site deploy/*/target examples/node/node_modules \
	  tests/contract/asyncapi/node_modules tests/contract/klaviyo/node/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo 'Hangtag needs pip: apt-get install python3-pip'; exit 1; }
	$(PYTHON) -m venv --without-pip .venv

.venv/runtime: requirements/runtime.lock | .venv/bin/python
	@echo 'Installing the locked dependencies into .venv (about 350 MB, once)'
	$(PIP) install --require-hashes --no-deps -r $<
	@touch $@

.venv/dev: requirements/dev.lock .venv/runtime
	@echo 'Installing the locked development tools into .venv'
	$(PIP) install --require-hashes --no-deps -r $<
	@touch $@

# Installs the built wheel and not the checkout, so that the tests run what is shipped.
.venv/hangtag: .venv/runtime $(SOURCES)
	@echo 'Building and installing hangtag'
	@$(PIP) install -q --no-deps --no-index --no-build-isolation --force-reinstall .
	@touch $@

.venv-ui/bin/python:
	$(PYTHON) -m venv --without-pip .venv-ui

# An environment of its own: Gradio needs an older Pillow, and an older tomlkit than hatchling.
.venv-ui/locked: requirements/ui.lock | .venv-ui/bin/python
	@echo 'Installing the page into .venv-ui (about 750 MB, once)'
	$(UI_PIP) install --require-hashes --no-deps -r $<
	@touch $@

.venv-ui/hangtag: .venv-ui/locked .venv/runtime $(SOURCES)
	@echo 'Building hangtag and installing it into .venv-ui'
	@$(PIP) wheel -q --no-deps --no-index --no-build-isolation -w .venv-ui/wheel .
	@$(UI_PIP) install -q --no-deps --no-index --force-reinstall .venv-ui/wheel/hangtag-*.whl
	@touch $@

.venv-vllm/bin/python:
	$(PYTHON) -m venv --without-pip .venv-vllm

.venv-vllm/vllm: requirements/vllm.lock requirements/vllm-older.lock $(wildcard tests/contract/vllm/vllm_on_cpu/*.*) | .venv-vllm/bin/python
	@echo 'Installing vLLM for CPUs into .venv-vllm (6 GB, some minutes, once)'
	$(VLLM_PIP) install --require-hashes --no-deps -r $<
	$(VLLM_PIP) install -q --no-deps --no-index --no-build-isolation --force-reinstall ./tests/contract/vllm/vllm_on_cpu
	$(VLLM_PIP) install -q --require-hashes --no-deps --upgrade --target .venv-vllm/older -r requirements/vllm-older.lock
	@touch $@

.venv-audit/bin/python:
	$(PYTHON) -m venv --without-pip .venv-audit

.venv-audit/locked: requirements/audit.lock | .venv-audit/bin/python
	@echo 'Installing the tools for dependencies into .venv-audit'
	$(PYTHON) -m pip --python .venv-audit/bin/python --disable-pip-version-check install -q --require-hashes --no-deps -r $<
	@touch $@

.venv-docs/bin/python:
	$(PYTHON) -m venv --without-pip .venv-docs

.venv-docs/locked: requirements/docs.lock | .venv-docs/bin/python
	@echo 'Installing mkdocs into .venv-docs'
	$(PYTHON) -m pip --python .venv-docs/bin/python --disable-pip-version-check install -q --require-hashes --no-deps -r $<
	@touch $@

.venv-s3/bin/python:
	$(PYTHON) -m venv --without-pip .venv-s3

.venv-s3/locked: requirements/s3.lock | .venv-s3/bin/python
	@echo 'Installing an S3 server for the tests into .venv-s3'
	$(PYTHON) -m pip --python .venv-s3/bin/python --disable-pip-version-check install -q --require-hashes --no-deps -r $<
	@touch $@
