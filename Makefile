# Two commands matter: `make demo` shows the platform, `make test` checks everything.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(HOME)/.cache/stadtwarte
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(PATH):/usr/sbin
ifneq ($(wildcard $(CACHE)/node/bin/node),)
export PATH := $(CACHE)/node/bin:$(PATH)
endif
PORTAL_SOURCES := $(shell find portal -path portal/node_modules -prune -o -path portal/dist -prune -o -type f -print)

.PHONY: help demo test bench fmt lint portal rust-tests portal-tests browser-tests bench-tests prerequisites test-prerequisites

help:
	@echo "make demo    build, start the platform with the demo city, feed it over MQTT"
	echo "make test    format, lints, unit, property, integration, client and browser tests"
	echo "make bench   the benchmarks, each against a control (see benches/README.md)"
	echo "make fmt     format all sources        make lint   lints only        make portal   build the web front end"

prerequisites:
	@.ci/install run

test-prerequisites:
	@.ci/install test

portal/node_modules/.package-lock.json: portal/package.json portal/package-lock.json | prerequisites
	@echo "installing the portal's npm packages into portal/node_modules"
	cd portal && npm ci --no-audit --no-fund --loglevel=error
	touch node_modules/.package-lock.json

portal/dist/index.html: portal/node_modules/.package-lock.json $(PORTAL_SOURCES)
	@cd portal && npm run --silent build
	touch dist/index.html

portal: portal/dist/index.html

demo: prerequisites portal
	@cargo build --workspace --bin stadtwarte
	exec "$(CARGO_TARGET_DIR)/debug/stadtwarte" demo $(ARGS)

lint: prerequisites portal
	@cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cd portal && npm run --silent lint

fmt:
	@cargo fmt --all
	cd portal && npm run --silent fmt

rust-tests: test-prerequisites portal
	@cargo test --workspace --lib --bins --tests --no-fail-fast
	cargo test --workspace --doc

portal-tests: portal
	@cd portal && npm test --silent

browser-tests: test-prerequisites portal
	@cargo build --workspace --bin stadtwarte
	tests/browser/run "$(CARGO_TARGET_DIR)/debug/stadtwarte"

bench-tests: test-prerequisites portal
	@cargo build --workspace --bins
	benches/run "$(CARGO_TARGET_DIR)/debug/stadtwarte" --quick

test: test-prerequisites lint rust-tests portal-tests browser-tests bench-tests
	@echo "all checks passed"

bench: test-prerequisites portal
	@cargo build --release --workspace --bins
	benches/run "$(CARGO_TARGET_DIR)/release/stadtwarte"
