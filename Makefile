# Every target a person needs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

MINIREDIS_HOME ?= $(CURDIR)/.miniredis
export MINIREDIS_HOME
TARGET ?= embedded

installed := node_modules/.package-lock.json

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

# npm ci leaves this file behind, so a changed lockfile installs again
$(installed): package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing: install Node.js (any version that npm runs on)'; exit 1; }
	@echo 'Installing packages (npm ci)'
	@npm ci --loglevel=error && touch $@

.PHONY: check
check: $(installed) ## format, lint and types
	@npm run --silent check

.PHONY: test
test: $(installed) ## unit and component tests (README's test command)
	@node tools/ensure-programs.ts redis-server redis-benchmark
	@npm run --silent test

.PHONY: verify
verify: $(installed) ## fail when a generated file is stale
	@npm run --silent gen -- --check

.PHONY: gen
gen: $(installed) ## write the generated files
	@npm run --silent gen

.PHONY: bench
bench: $(installed) ## measure engine and control plane; prints ratios and figures
	@node tools/ensure-programs.ts redis-server redis-benchmark
	@node runtime/bench/commands.ts
	@node e2e/bench/main.ts $(TARGET)

.PHONY: e2e
e2e: $(installed) ## user stories, TARGET=embedded or TARGET=kubernetes
	@node e2e/main.ts $(TARGET)

.PHONY: up
up: $(installed) ## start the embedded cluster with an example tenant
	@node embedded/src/main.ts up

.PHONY: down
down: $(installed) ## stop the embedded cluster; DATA=delete removes its objects too
	@node embedded/src/main.ts down $(if $(filter delete,$(DATA)),--data=delete)

.PHONY: image
image: $(installed) ## build the image as an OCI archive, without Docker
	@node images/build.ts

.PHONY: kind-up
kind-up: ## the same on kind, for people with Docker
	kind create cluster --name miniredis --config kind-config.yaml
	docker build --tag localhost/miniredis:0.1.0 .
	kind load docker-image --name miniredis localhost/miniredis:0.1.0
	helm install miniredis charts/miniredis --namespace miniredis --create-namespace --wait
	kubectl apply -f examples/tenant.yaml
