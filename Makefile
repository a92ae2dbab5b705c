# Mainstay's build. `make` alone lists what there is.

# Dolt's ICU-free regular expressions: without this tag ICU's headers are needed.
TAGS    := gms_pure_go
GO      ?= go
BUILD   := $(abspath build)
BIN     := $(BUILD)/bin
NEW     := $(BUILD)/dolt/2.2.0/dolt
OLD     := $(BUILD)/dolt/1.86.4/dolt
PEBBLE  := $(BUILD)/pebble/pebble
TOFU    := $(BUILD)/tofu/tofu
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Symbols and debug tables are a third of a Dolt binary and slow linking down.
LDFLAGS := -s -w
MAIN    := github.com/mainstaydb/mainstay/cmd/mainstay
# Two packages at a time: each may run several Dolt servers, and more of them at
# once make a small machine slow enough to run into bounds that mean "broken".
TESTFLAGS ?= -p 2 -timeout 30m

.PHONY: help demo build programs test sim torture fuzz mutate conformance check deploy-check bench generate clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## build, then run a fleet of three databases here (Ctrl-C stops it, make demo resumes)
	@$(BIN)/mainstay up

build: programs $(NEW) $(OLD) ## build mainstay, mainstay-agent and the two Dolt releases into build/

# go decides what is out of date, which takes it about a second.
programs:
	@mkdir -p $(BIN)
	@test -x $(BIN)/mainstay || echo "building mainstay (the first time links Dolt and takes some minutes)"
	@$(GO) build -tags $(TAGS) -ldflags "$(LDFLAGS) -X main.buildVersion=$(VERSION)" -o $(BIN)/mainstay ./cmd/mainstay
	@CGO_ENABLED=0 $(GO) build -ldflags "$(LDFLAGS)" -o $(BIN)/mainstay-agent ./cmd/mainstay-agent

$(NEW): tools/go.mod tools/go.sum
	@echo "building dolt 2.2.0 (the first time takes some minutes)"
	@mkdir -p $(@D)
	@cd tools && $(GO) build -tags $(TAGS) -ldflags "$(LDFLAGS)" -o $@ github.com/dolthub/dolt/go/cmd/dolt

$(OLD): tools/older/go.mod tools/older/go.sum
	@echo "building dolt 1.86.4, the older release that upgrades start from (the first time takes some minutes)"
	@mkdir -p $(@D)
	@cd tools/older && $(GO) build -tags $(TAGS) -ldflags "$(LDFLAGS)" -o $@ github.com/dolthub/dolt/go/cmd/dolt

$(PEBBLE): tools/pebble/go.mod tools/pebble/go.sum
	@echo "building pebble, the certificate authority for tests"
	@mkdir -p $(@D)
	@cd tools/pebble && $(GO) build -ldflags "$(LDFLAGS)" -o $(@D)/ github.com/letsencrypt/pebble/v2/cmd/pebble github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv

# A build that nobody released calls itself -dev; this is the release's source.
$(TOFU): tools/tofu/go.mod tools/tofu/go.sum
	@echo "building OpenTofu 1.12.6, which make bench compares with (the first time takes some minutes)"
	@mkdir -p $(@D)
	@cd tools/tofu && $(GO) build -ldflags "$(LDFLAGS) -X github.com/opentofu/opentofu/version.dev=no" -o $@ github.com/opentofu/opentofu/cmd/tofu

test: build ## run every test against the programs of build/
	MAINSTAY_TEST_BUILD=$(BUILD) $(GO) test -tags $(TAGS) $(TESTFLAGS) ./...

# SEED tries one seed again, N so many from there on; STORY is a file with a story.
SEED ?=
STORY ?=
SIMULATED := $(if $(STORY),^TestKeptStories$$,$(if $(SEED),^TestSeeds$$,TestKilled|TestOldPlanInHand|TestKeptStories|TestSeeds|TestADay))
N ?= 1000
MINUTES ?= 30
FLEET ?= 20
sim: ## kill the control plane at every step and pair of steps, and try N=1000 random seeds, or SEED=n, or STORY=file
	MAINSTAY_SIM_ALL=1 MAINSTAY_SIM_STORY=$(abspath $(STORY)) MAINSTAY_SIM_SEED=$(SEED) MAINSTAY_SIM_SEEDS=$(if $(SEED),$(if $(filter command line,$(origin N)),$(N),1),$(N)) \
		$(GO) test -tags $(TAGS) -count=1 -timeout 0 $(if $(SEED)$(STORY),-v) -run '$(SIMULATED)' ./reconciler

torture: build ## kill and stop processes of FLEET=20 deployments that are written to, for MINUTES=30; every acknowledged write must be there
	MAINSTAY_TEST_BUILD=$(BUILD) MAINSTAY_TORTURE_MINUTES=$(MINUTES) MAINSTAY_TORTURE_FLEET=$(FLEET) $(GO) test -tags $(TAGS) -count=1 -timeout 0 -v -run '^TestTorture$$' ./cmd/mainstay/e2e

# Long enough for each target to get beyond its seeds; a night's worth is FUZZTIME=30m.
FUZZTIME ?= 20s
fuzz: ## look for inputs that break what is promised of them, FUZZTIME=20s for each target; FUZZ=manifest chooses
	@GO="$(GO)" TAGS="$(TAGS)" FUZZTIME="$(FUZZTIME)" FUZZ="$(FUZZ)" sh tools/fuzz.sh

mutate: build ## break the program in listed ways, and fail if the tests do not notice
	@cd tools && MAINSTAY_TEST_BUILD=$(BUILD) $(GO) run ./mutate

conformance: build $(PEBBLE) ## run the cloud on EC2 and a whole fleet there against moto, certificates against pebble, webhooks against GitHub's description (needs python3 and npm; installs into build/)
	@GO="$(GO)" TAGS="$(TAGS)" sh tools/conformance.sh

check: ## gofmt, go vet, staticcheck, generated code, import rules, known vulnerabilities
	@GO="$(GO)" TAGS="$(TAGS)" sh tools/check.sh

deploy-check: ## check deploy/ with packer, cfn-lint, parliament, promtool and others (installs them into build/)
	@GO="$(GO)" sh tools/deploy.sh

# What stands for EC2 and GitHub is in memory, so these tests' times are virtual; a
# LARGE=10000 fleet takes up to twenty minutes of real time.
LARGE ?=
# The tests print rows of tables; what they say on failing is let through too.
ROWS := sed -n -e 's/^ *[a-z]*_test.go:[0-9]*: |/|/p' -e '/FAIL/p'
bench: build $(TOFU) ## measure against bare servers, OpenTofu and the limits of AWS and GitHub, LARGE=10000 also a large fleet; prints Markdown
	@$(GO) build -tags $(TAGS) -ldflags "$(LDFLAGS)" -o $(BIN)/mainstay-bench ./cmd/mainstay-bench
	@$(BIN)/mainstay-bench -build $(BUILD) -json $(BUILD)/bench.json -svg $(BUILD)/bench.svg
	@printf '| | time | times the bound | requests | for each | throttled |\n|---|---|---|---|---|---|\n'
	@for n in 1000 $(LARGE); do \
		MAINSTAY_TEST_FLEET=$$n $(GO) test -tags $(TAGS) -count=1 -timeout 30m -run '^TestConvergenceCost$$' -v ./reconciler | $(ROWS); done
	@$(GO) test -tags $(TAGS) -count=1 -run '^TestRollingCost$$' -v ./reconciler | $(ROWS)
	@echo
	@MAINSTAY_TEST_PULLS=500 $(GO) test -tags $(TAGS) -count=1 -run TestManyPullRequests -v ./webhooks | sed -n -e 's/^ *many_test.go:[0-9]*: //p' -e '/FAIL/p'
	@$(GO) test -tags $(TAGS) -run '^$$' -bench BenchmarkRecheck -benchtime 100x ./cmd/mainstay | grep '^Benchmark'

generate: ## write the generated code again
	@GO="$(GO)" sh tools/generate.sh

clean: ## remove build/
	rm -rf $(BUILD)
