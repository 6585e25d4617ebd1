# Two commands do everything: `make up` runs it all on this machine, `make test` runs all tests.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help up test test-node test-long campaign bench-operator lint image definitions docs clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## A cluster with a node, the operator, a service behind a load balancer and a page on another site, until Ctrl-C
	@tests/setup clients
	@echo "building the programs; the first time that takes about 5 minutes on 2 cores"
	@cargo build -p kubectl-realtime -p realtime-operator -p realtime-server
	@exec cargo run -q -p kubectl-realtime -- up -f examples/https.yaml --mode auto

test: ## All tests of all tiers
	@tests/setup clients chromium control-plane node envoy helm promtool gitops redis image-tools
	@tests/doctor/setup nginx >/dev/null && tests/doctor/setup go >/dev/null
	cargo build --workspace --bins
	npm test --silent --prefix clients/js
	RUST_TEST_THREADS=4 cargo test --workspace --no-fail-fast

test-node: ## What needs the images: the charts on a node, and all of `make up`
	@tests/setup clients chromium control-plane node envoy helm image-tools
	cargo test --workspace --test chart-node -- --ignored --test-threads 1
	cargo test --workspace --test ladder pods -- --ignored --nocapture

test-long: ## Rotation with hundreds of real clients
	@tests/setup clients
	cargo test -p realtime-server -- --ignored --test-threads 1

campaign: ## All campaigns that try to break the operator, in full; the table in docs/evidence.md
	@tests/setup control-plane helm
	cargo build -p realtime-operator -p realtime-campaign
	@failed=; for name in mutations crash stale faults outages leadership foreign co-owners; do \
		target/debug/realtime-campaign $$name --profile long --evidence docs/evidence.md || failed="$$failed $$name"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

bench-operator: ## What thousands of services cost the operator; the table in docs/evidence.md. Takes a machine that does nothing else
	@tests/setup control-plane helm
	cargo build --release -p realtime-operator -p realtime-operator-bench
	REALTIME_PROGRAMS=target/release target/release/realtime-operator-bench --sizes 1000,5000 --rest 60,600 --write docs/evidence.md

lint: ## Formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

image: ## Images of the operator and the server, as archives in target/images
	@image/build

definitions: ## Generate the definitions and admission warnings from the types
	cargo run -q -p realtime-operator -- crd > crds/realtimeservices.yaml.new
	mv crds/realtimeservices.yaml.new crds/realtimeservices.yaml
	cp crds/realtimeservices.yaml charts/realtime-crds/files/realtimeservices.yaml
	cargo run -q -p realtime-operator -- warnings > charts/realtime-operator/files/warnings.yaml.new
	mv charts/realtime-operator/files/warnings.yaml.new charts/realtime-operator/files/warnings.yaml

docs: ## Write the parts of docs/ that are captured or generated
	UPDATE_DOCS=1 cargo test --workspace --test reference
	UPDATE_DOCS=1 cargo test --workspace --test apiserver -- kubectl_shows describe_shows reachable gitops::
	UPDATE_DOCS=1 cargo test --workspace --test ladder make_up
	UPDATE_DOCS=1 cargo test --workspace --test doctor docs

clean: ## Remove what was built here (not the control plane's cache)
	cargo clean
	rm -rf tests/clients/node_modules
