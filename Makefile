# The doors of the repository. `make` alone lists them.
#
# Order matters: .cargo/config.toml links with mold, so its Debian package is installed before the first cargo command.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TOOLS := tests/tools
# What cargo needs besides Rust. Does nothing when it is there already.
BUILD_TOOLS := command -v mold >/dev/null && command -v cc >/dev/null || $(TOOLS)/install apt
# Tests of `make test-cluster` are chosen from the whole workspace (not by -p), so that what `make test` has built is used again:
# the binary too, which the first of them builds for itself.
CLUSTER_TESTS := clearway/cluster-tests,clearway-e2e/cluster-tests
# A part of the fault run, of each kind one, that keeps it from rotting: in 90 s.
SOME_FAULTS := ClearwayUpstreamErrorsHigh,ClearwayNoHealthyEndpoint,ClearwayTlsHandshakesFailing,ClearwayTargetDown,ClearwayDebugLogging
E2E_TESTS := $(basename $(notdir $(wildcard tests/e2e/tests/*.rs)))

.PHONY: help run build test test-cluster no-flicker check ops advisories gen bench bench-propagation fmt cluster-up cluster-down conformance pictures chart faults

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: build ## build the release and serve examples/quickstart with demo backends and traffic
	"$${CARGO_TARGET_DIR:-target}/release/clearway" run --config examples/quickstart --demo

build: ## build the release: target/release/clearway
	@$(BUILD_TOOLS)
	cargo build --release --locked --bin clearway

test: ## everything that Rust, promtool and Prometheus can show; installs what it needs (at most 20 min cold)
	$(TOOLS)/install test
	$(MAKE) --no-print-directory check
	$(MAKE) --no-print-directory ops
	cargo test --workspace --locked
	bench/test
	tests/conformance/test

test-cluster: ## what needs the tools built from Go: the Collector, Kubernetes, both planes in it, conformance (as root; at most 50 min cold)
	$(TOOLS)/install apt cluster conformance chart promtool prometheus
	CLEARWAY_OTELCOL="$$($(TOOLS)/path otelcol)" cargo test --workspace --locked --features $(CLUSTER_TESTS) --test collector --test collector_metrics --test conservation --test roundtrip
	cargo test --workspace --locked --lib -- --ignored live
	CLEARWAY_BIN="$${CARGO_TARGET_DIR:-target}/debug/clearway" cargo test --workspace --locked --features $(CLUSTER_TESTS) $(addprefix --test ,$(E2E_TESTS))
	CLEARWAY_FAULTS=$(SOME_FAULTS) CLEARWAY_BIN="$${CARGO_TARGET_DIR:-target}/debug/clearway" \
	  cargo test --workspace --locked --features $(CLUSTER_TESTS) --test faults
	tests/chart/test
	CLEARWAY_BIN="$${CARGO_TARGET_DIR:-target}/debug/clearway" tests/chart/install
	tests/otel-collector/rendered
	tests/otel-collector/validate
	CLEARWAY_BIN="$${CARGO_TARGET_DIR:-target}/debug/clearway" tests/otel-collector/standalone
	CLEARWAY_BIN="$${CARGO_TARGET_DIR:-target}/debug/clearway" tests/otel-collector/cluster
	CLEARWAY_BIN="$${CARGO_TARGET_DIR:-target}/debug/clearway" tests/conformance/own-cluster

faults: ## each alert by its real fault, its runbook's blocks, all panels (as root; about 10 min); writes tests/faults/reports/
	$(TOOLS)/install apt cluster prometheus
	cargo test --workspace --locked --features $(CLUSTER_TESTS) --test faults --no-run
	CLEARWAY_FAULTS_REPORT="$${CLEARWAY_FAULTS_REPORT:-tests/faults/reports}" CLEARWAY_BIN="$${CARGO_TARGET_DIR:-target}/debug/clearway" \
	  cargo test --workspace --locked --features $(CLUSTER_TESTS) --test faults -- --nocapture

no-flicker: ## both planes restart 20 times under 2,000 requests/s, 2 min without a control plane, no request lost (as root; 10 min)
	$(TOOLS)/install apt cluster
	cargo build --release --locked --bin clearway
	CLEARWAY_RATE=2000 CLEARWAY_RESTARTS=20 CLEARWAY_OUTAGE=120 CLEARWAY_BIN="$${CARGO_TARGET_DIR:-target}/release/clearway" \
	  cargo test --workspace --locked --features $(CLUSTER_TESTS) --test no_flicker -- --nocapture

cluster-up: ## start a one-node Kubernetes here, without Docker (15 s; as root; the first time builds it, 25 min)
	$(TOOLS)/install kubernetes
	tests/cluster/up

cluster-down: ## end it, with everything in it
	tests/cluster/down

conformance: ## run the unmodified Gateway API conformance suite on it, compare its requests with the telemetry; writes tests/conformance/reports/
	$(TOOLS)/install apt conformance otelcol
	cargo build --release --locked --bin clearway
	tests/cluster/up
	tests/cluster/load
	tests/cluster/deploy --otlp-endpoint http://10.244.0.1:4317 --trace-ratio 1
	tests/conformance/run

chart: ## the Helm chart with Helm 3 and 4: lint, goldens, what is refused; then install to uninstall in a cluster of its own (as root; 3 min)
	$(TOOLS)/install apt chart kubernetes
	tests/chart/test
	tests/otel-collector/rendered
	cargo build --release --locked --bin clearway
	tests/chart/install

check: ## format, clippy, who may use what, sizes and ranks, generated files
	$(TOOLS)/install apt cargo-deny
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features $(CLUSTER_TESTS) --locked -- -D warnings
	"$$($(TOOLS)/path cargo-deny)" --locked check --allow unused-wrapper --hide-inclusion-graph bans licenses sources
	cargo xtask check
	cargo xtask gen --check
	charts/generate --check

ops: ## what operators take with them: every query against the catalog, rules and their tests, routes of alerts
	$(TOOLS)/install apt promtool amtool
	cargo xtask ops
	"$$($(TOOLS)/path promtool)" check rules --lint=all --lint-fatal prometheus-rules/*.yaml
	"$$($(TOOLS)/path promtool)" test rules prometheus-rules/tests/*.yaml
	tests/ops/alertmanager

advisories: ## compare the crates with the RustSec database; needs its Git host
	$(TOOLS)/install cargo-deny
	"$$($(TOOLS)/path cargo-deny)" --locked check advisories

gen: ## write what is generated from the code: docs/metrics.md, docs/catalog.json, what operators take, the chart's schema and README
	@$(BUILD_TOOLS)
	cargo xtask gen
	charts/generate

pictures: ## draw the pictures of the dashboards from a live gateway (about 8 min); writes docs/operations/dashboards/
	$(TOOLS)/install apt prometheus pictures
	tests/pictures/draw

bench: ## the race against nginx, HAProxy and Envoy on this machine (about 10 min); writes bench/RESULTS.md
	@$(BUILD_TOOLS)
	bench/run

bench-propagation: ## from a change of an object to served, on a cluster of its own (as root; about 20 min); writes bench/PROPAGATION.md
	$(TOOLS)/install apt kubernetes
	bench/propagation

fmt: ## format the Rust code
	cargo fmt --all
