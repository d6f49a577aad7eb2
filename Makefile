# Every target works on a fresh machine with Python 3.11+, pip and make. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
# The folder of photos stands for its files: their names have spaces, which make cannot carry.
SOURCES := $(shell find schemas ocr_worker rules klaviyo_sink streams -type f -not -name '*.pyc') samples/photos pyproject.toml README.md
# --without-pip: Debian's python3 has no ensurepip, and the outer pip can install into .venv.
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.PHONY: demo
demo: .venv/hangtag ## Run the whole chain on sample photos: broker, OCR, rules, local Klaviyo
	$(BIN)/hangtag demo

.PHONY: test
test: .venv/dev .venv/hangtag ## Run the tests (real Kafka too, where java and mvn are present)
	$(BIN)/pytest

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
	$(BIN)/python tests/kafka/chaos/harness.py --uploads 10000 --per-s 50 --actions 48 --broker-restarts 2 --seed 1
	$(BIN)/python tests/kafka/chaos/harness.py --uploads 10000 --per-s 50 --actions 48 --broker-restarts 3 --brokers 3 --seed 2
	$(BIN)/python tests/kafka/chaos/harness.py --uploads 4000 --per-s 60 --actions 8 --every-s 5 --rolling-only --seed 3

.PHONY: bench
bench: .venv/dev .venv/hangtag ## Measure speed against peers on a real Kafka; writes bench/results/
	$(BIN)/python bench/streams.py
	$(BIN)/python bench/chain.py

.PHONY: docs
docs: .venv/hangtag ## Write what is generated from the code
	$(BIN)/python docs/generate.py

.PHONY: lock
lock: ## Choose dependency versions again (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  pyproject.toml --extra cpu --group build -o requirements/runtime.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
	  pyproject.toml --extra cpu --extra postgres --group build --group dev -c requirements/runtime.lock -o requirements/dev.lock

.PHONY: clean
clean: ## Remove what the targets made
	rm -rf .venv deploy/kafka/target .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

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

# The built wheel, not the checkout: what is tested is what is shipped.
.venv/hangtag: .venv/runtime $(SOURCES)
	@echo 'Building and installing hangtag'
	@$(PIP) install -q --no-deps --no-index --no-build-isolation --force-reinstall .
	@touch $@
