# What people do with a checkout. Every target sets up what it needs.
.DEFAULT_GOAL := help
SWIFT ?= swift
RELEASE := --configuration release --static-swift-stdlib --scratch-path .build-release

.PHONY: help bootstrap build run cluster test check bench bench-cluster soak docs

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

bootstrap: ## Install the system packages that are missing (Debian)
	@scripts/bootstrap

build: bootstrap ## Build the release binary
	@$(SWIFT) build $(RELEASE) --product weir

run: build ## Start the server with the orders example on 127.0.0.1:8080
	@scripts/run-example

cluster: build ## Start three instances on PostgreSQL and Redis, behind HAProxy, with the orders example
	@scripts/bootstrap --cluster
	@scripts/cluster --apply Examples/orders

# Suites that wait for real servers come one after the other, and the scenarios by themselves: they would keep the others
# from their threads.
SERVERS := '^[A-Za-z]*(Postgres|MySQL|Redis)[A-Za-z]*Tests\.'
test: ## Run all tests
	@scripts/bootstrap --test
	@$(SWIFT) build --product weir
	@$(SWIFT) test --skip '^ScenarioTests\.' --skip $(SERVERS)
	@$(SWIFT) test --skip-build --no-parallel --filter $(SERVERS)
	@$(SWIFT) test --skip-build --filter '^ScenarioTests\.'

check: ## What CI checks: format, floors, sizes, warnings
	@scripts/bootstrap --check
	@scripts/check

bench: ## Measure against nginx and write BENCHMARKS.md
	@scripts/bootstrap --bench
	@$(SWIFT) build $(RELEASE) --product weir
	@$(SWIFT) build $(RELEASE) --product LogicBenchmark
	@$(SWIFT) build $(RELEASE) --product JSONBenchmark
	@mkdir -p Benchmarks/scratch && g++ -O3 -std=c++17 Benchmarks/json_rival.cpp -lsimdjson -o Benchmarks/scratch/json_rival
	@python3 -m venv Benchmarks/scratch/venv && Benchmarks/scratch/venv/bin/pip install -q datalogic-py
	@python3 Benchmarks/run.py

bench-cluster: ## Measure the drivers, PostgreSQL as the queue, and two instances against one
	@scripts/bootstrap --bench-cluster
	@$(SWIFT) build $(RELEASE) --product weir
	@$(SWIFT) build $(RELEASE) --product PostgresBenchmark
	@$(SWIFT) build $(RELEASE) --product RedisBenchmark
	@python3 Benchmarks/cluster.py

soak: ## Run the bad days of a cluster at their full length (about 20 minutes)
	@scripts/bootstrap --test
	@$(SWIFT) build --build-tests
	@WEIR_SOAK=1 $(SWIFT) test --skip-build --no-parallel --filter '^ScenarioTests\..*(Days|Cluster|Sharing)'

docs: bootstrap ## Write the OpenAPI file and the list of settings from the program
	@$(SWIFT) run weir openapi > api/openapi.json
	@$(SWIFT) run weir config keys > docs/settings.md
