# What a developer does with Onward. `make help` lists it.

PYTHON ?= python3
PORT ?= 8000
GRPC_PORT ?= 50051
USERS ?= 20
SECONDS ?= 30
SHAPE ?= steady
ADMIN_PORT ?= 9000
MODEL ?= smollm2-135m-instruct

BIN := .venv/bin
INSTALLED := .venv/installed
DATA := demo/data
BUNDLES := demo/bundles
SOURCES := $(wildcard $(foreach part,configs corpus store text_model pipeline prompting recall cascade ranking,$(part)/*.py $(part)/*/*.py $(part)/*/*/*.py) prompting/prompts/*.txt)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo check test test-spark faults loadtest bench llm-check proto clean

help: ## List what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done

install: $(INSTALLED) ## Make .venv with the pinned dependencies

# torch comes first and by itself: an open range beside the rest pulls gigabytes of CUDA.
$(INSTALLED): pyproject.toml client/pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0" -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[build,dev,import,llm,multilingual]" -e "client[grpc]" -c constraints.txt
	@touch $@

demo: $(BUNDLES)/current ## Build the demo bundle where there is none, and serve it (PORT=, GRPC_PORT=, ADMIN_PORT=)
	$(BIN)/onward serve --bundles $(BUNDLES) --port $(PORT) --grpc-port $(GRPC_PORT) --admin-port $(ADMIN_PORT)

$(DATA)/pages.parquet: | $(INSTALLED)
	$(BIN)/onward corpus python-docs --out $(DATA)

# The build skips finished steps and publishes nothing new when nothing changed; the touch tells make so.
$(BUNDLES)/current: $(DATA)/pages.parquet $(SOURCES) | $(INSTALLED)
	$(BIN)/onward build --data $(DATA) --bundles $(BUNDLES) --profile quick
	@touch $@

check: $(INSTALLED) ## Lint, formatting, types and the arrows between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(INSTALLED) ## All tests: a real Redis, HTTP server and gRPC client; no network
	@command -v chromium chromium-browser google-chrome > /dev/null || echo "No Chromium is installed: the tests of the explorer in a browser are skipped (apt-get install chromium)"
	$(BIN)/pytest -n 2 --dist loadfile  # two files at a time: fault tests mostly wait

test-spark: $(INSTALLED) ## The steps that run on Spark, on Spark itself; needs Java 17
	env -u SPARK_REMOTE $(BIN)/pytest tests/pipeline/test_spark.py --spark

faults: $(INSTALLED) ## Break parts on purpose, at full length; writes docs/reliability.md
	$(BIN)/pytest tests/faults --long -s

# Other bundles than the demo's are taken as they are: this must not build into them.
loadtest: $(if $(filter demo/bundles,$(BUNDLES)),$(BUNDLES)/current) | $(INSTALLED) ## Load a gateway (BUNDLES=, USERS=, SECONDS=, SHAPE=steady|spike); report in loadtests/out
	$(BIN)/python -m loadtests --bundles $(BUNDLES) --users $(USERS) --seconds $(SECONDS) --shape $(SHAPE)

# The afternoon's work that it is compared with needs one more library.
bench: $(BUNDLES)/current | $(INSTALLED) ## Measure the gateway beside what it is compared with; writes benchmarks/latest.json
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]" -c constraints.txt
	PYTHONPATH=. $(BIN)/python benchmarks/bench.py $(BUNDLES)

llm-check: $(DATA)/pages.parquet | $(INSTALLED) ## Run what asks a language model against a small one on this machine (MODEL=); docs/llm.md
	PYTHONPATH=. $(BIN)/python -m benchmarks.llm_check $(DATA) --out demo/llm --model $(MODEL)

proto: $(INSTALLED) ## Generate the gRPC stubs from proto/
	$(BIN)/python -m service.grpc.generate_stubs

clean: ## Remove the demo and every cache; .venv stays
	rm -rf demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
