# rollbackd: `make demo` shows it, `make test` proves it. Everything needs Go
# alone, except that the tests want programs of the machine's own (COMPONENTS);
# on Debian, as root, `make test` installs those.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
GO          ?= go

# Every module of the repository that has code of ours.
MODULES := . $(patsubst %/go.mod,%,$(wildcard test/go.mod)) examples/demo

# Programs that tests start, and the Debian packages they come from.
COMPONENTS := prometheus prometheus-alertmanager nats-server systemd-analyze:systemd nginx initdb:postgresql psql:postgresql-client script:bsdutils chromium

# What `rollbackd version` says; outside a clone it says nothing.
BUILD   := github.com/prometheus/common/version
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS := -s -w -X $(BUILD).Version=$(VERSION) -X $(BUILD).Revision=$(COMMIT)

LINTER := $(GO) tool -modfile=$(CURDIR)/tools/golangci-lint/go.mod golangci-lint

# KEEP=1 leaves the demo running; DEMO_FLAGS are its own flags (-help lists them).
DEMO_FLAGS ?=
# NO_SKIPS=1 makes a skipped test fail the run; CI sets it.
TEST_FLAGS := $(if $(NO_SKIPS),-no-skips)
# How long each fuzz target runs.
FUZZTIME ?= 10s

.PHONY: help build demo test crash hazards simulate planted components vet fmt fmt-check lint lint-fast bench detection fuzz clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

build: ## the daemon, as bin/rollbackd
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='$(LDFLAGS)' -o bin/rollbackd ./cmd/rollbackd

demo: build ## a bad release, noticed and undone, in about a minute
	@mkdir -p bin/demo
	cd examples/demo && $(GO) build -o ../../bin/demo/ . ./shop ./shopctl
	@echo
	@bin/demo/demo --rollbackd bin/rollbackd $(if $(KEEP),--keep) $(DEMO_FLAGS)

test: components fmt-check vet ## everything that can be shown without a production
	$(GO) run ./tools/testsum $(TEST_FLAGS) $(MODULES)

crash: ## kill the daemon's loop at every write of every plan's journal; make test takes a sample
	cd test && ROLLBACKD_CRASH_ALL=1 $(GO) test -count=1 -timeout 30m -run '^TestKilledAtEveryWrite$$' -v ./crash | \
		sed -nE '/^=== |^ *--- PASS: TestKilledAtEveryWrite\//!p'

hazards: ## docs/hazards.md, written anew from the hazard corpus
	$(GO) test -count=1 -run '^TestHazardsPage$$' ./scenario -update

# SIMULATE_FLAGS say how long to hunt and from which seed.
SIMULATE_FLAGS ?= --runs 2000 --seed 1000000

simulate: build ## hunt for mistakes in random worlds, for about a minute
	bin/rollbackd simulate $(SIMULATE_FLAGS)

planted: ## plant mistakes on purpose and see that the hunt finds each; about five minutes
	$(GO) run ./tools/planted

components:
	@tools/components $(COMPONENTS)

vet:
	@for module in $(MODULES); do (cd $$module && $(GO) vet ./...); done

fmt: ## format the code
	$(LINTER) fmt

fmt-check:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi

lint: ## golangci-lint with .golangci.yml; the first run builds it, one to two minutes
	$(LINTER) run ./...
	cd examples/demo && $(LINTER) run -c ../../.golangci.yml ./...

lint-fast: fmt-check vet ## gofmt, vet and the import arrows, without the linter
	$(GO) test -run 'TestImportsPointDown|TestTheBrainIsPure|TestPrometheusServer|TestNames|TestLinter' .

bench: ## the measurements that the documents speak of; on Debian, as root, it installs the peers it measures beside
	@tools/components $(COMPONENTS) prometheus-alertmanager
	$(GO) test -run '^$$' -bench . -benchmem ./...
	@if [ -e test/go.mod ]; then cd test && $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./...; fi

# DETECTION_FLAGS are the measuring's own flags (-h lists them).
DETECTION_FLAGS ?=

detection: ## the tables of docs/detection.md, measured anew; about six minutes on two idle cores
	$(GO) run ./bench/detection $(DETECTION_FLAGS)

fuzz: ## every fuzz target for FUZZTIME each
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

clean:
	rm -rf bin
