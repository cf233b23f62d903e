# `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: servers
servers: ## install RabbitMQ, Redis and Postgres where they are missing (Debian)
	@load-tests/install-servers

.PHONY: test
test: servers ## every test; those on real servers start private ones and end them
	cargo test --workspace --features crash-points --locked

.PHONY: lint
lint: ## format and lints, as CI checks them
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features crash-points --locked -- -D warnings

.PHONY: ci
ci: ## all that CI does
	.ci/run

.PHONY: sample
sample: ## work off the sample on this machine alone
	cargo run --release --locked -- run --orders samples/orders.jsonl --keys samples/keys.csv

.PHONY: proof-programs
proof-programs: servers
	cargo build --release --workspace --bins --locked
	cargo build --release --bin fulfil --features crash-points --target-dir target/crash-points --locked

.PHONY: proof
proof: proof-programs ## kills, faults, cuts, outages, a dead supplier, simulation in full size, with a verdict each (PROOF='--seed 7' for more)
	target/release/proof $(PROOF)

.PHONY: proof-quick
proof-quick: proof-programs ## nearly the same in some minutes
	target/release/proof --quick $(PROOF)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZ_SECONDS (60); needs a C++ compiler
	fuzz/run

.PHONY: planted
planted: servers ## plants one bug at a time into a copy of the sources; each must be caught
	tests/planted/run

.PHONY: bench
bench: ## criterion, on the pure parts
	cargo bench --locked
