# run, test and build need nothing but Go. The tools are pinned: the generator in
# go.mod, the linter in .ci/lint/go.mod.

GO       ?= go
ARGS     ?=
PKG      ?= ./...
BENCH    ?= .
FUZZTIME ?= 10s

.DEFAULT_GOAL := help

## help: list the targets
.PHONY: help
help:
	@sed -n 's/^## \([a-z-]*\): /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  %-14s %s\n' "$$name" "$$text"; done

# One set of flags for everything: what "make run" compiles, "make build" and the
# tests find in the cache.
export CGO_ENABLED ?= 0
export GOFLAGS     ?= -trimpath

## run: serve both APIs from the sources (make run ARGS='--addr 127.0.0.1:9090')
.PHONY: run
run: build
	@exec bin/understudy serve $(ARGS)

## build: build bin/understudy, one static binary
.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/understudy ./server/understudy

# Tests hold the read documents and little else, so a collector in no hurry spares them a
# third of their time.
UNHURRIED = GOGC=400

# Tests say by their name what they take: TestStore... a disk, a database or a kill,
# TestVerify... many requests or seconds, TestDocs... the built binary and a shell,
# TestBrowser... a Chromium. "make test" is all the others.
LONG = ^Test(Store|Verify|Docs|Browser)

# Tests of many requests, one after the other, to which it is all the same what keeps the
# state and who else is at work: "make test" runs them, and nothing runs them again.
ALONE = ^(Test(Administrator|ArchivesRefused|BareKey|BasisDecides|BytesAreBounded|Coverage|Differential|DocumentContents|EvaluatorAgrees|EveryDeclaredStatusCanBeForced|EveryMistakeAtOnce|ExamplesOfRefusals|Explanations|FaultKinds|ForcedAnswerHidesNoViolation|Hostile|InferredRulesNeverRefuse|KnownDifferences|OddRequests|OpenedIsLoaded|Permitted|PlantedMistakes|Prefer|Protocol|ReportRefuses|ReportRefusesTheRest|SeedMistakes|SharedBounds|SharedModel|StrangersBreak|UploadsAreChecked|VerdictByBasis|ViolationKinds|WhatOnlyClientsShow|WordingGoldens|WordingShowsNoValue)$$|Fuzz)

# The packages that have tests of a kind, and those that have tests of no such kind:
# $(call with,Benchmark), $(INMEMORY)
with = $(shell grep -rlE --include='*_test.go' --exclude-dir=node_modules '^func $(1)[A-Z]' . | sed 's,/[^/]*$$,,' | sort -u)
INMEMORY = $(shell grep -rE --include='*_test.go' --exclude-dir=examples '^func (Test|Fuzz|Example)[A-Z]' . | grep -vE ':func (TestMain|$(LONG:^%=%))' | sed 's,/[^/]*:func .*,,' | sort -u)

## test: run the tests that need nothing but memory, shuffled (make test PKG=./server/... ARGS='-run Name')
.PHONY: test
test:
	$(UNHURRIED) $(GO) test -timeout 5m -vet=off -shuffle=on -skip '$(LONG)' $(ARGS) $(if $(filter file,$(origin PKG)),$(INMEMORY),$(PKG))

## test-stores: run the tests that need a disk, a database or a kill, and the end-to-end tests on SQLite, PostgreSQL and replicas
.PHONY: test-stores
test-stores:
	$(GO) test -timeout 15m -count=1 -shuffle=on -run '^TestStore' $(ARGS) $(call with,TestStore)
	@set -e; for store in sqlite postgres; do \
		echo "on $$store:"; \
		UNDERSTUDY_TEST_STORE=$$store $(UNHURRIED) $(GO) test -timeout 10m -count=1 -shuffle=on -skip '$(LONG)|$(ALONE)' $(ARGS) ./server/app; \
	done

## test-docs: run every command of README.md and docs/ against the built binary, and open the report in a browser
.PHONY: test-docs
test-docs:
	$(GO) test -timeout 10m -count=1 -run '^Test(Docs|Browser)' $(ARGS) $(call with,Test(Docs|Browser))

## test-verify: find every known bug, none where there is none, and verify our own server in process
.PHONY: test-verify
test-verify:
	$(UNHURRIED) $(GO) test -timeout 15m -count=1 -run '^TestVerify' $(ARGS) $(call with,TestVerify)

# What several requests run at once: the packages that lock or count, but for the shop that
# verify is tried on, and those whose locks guard no more than what is made once, which the
# tests of the server make at once.
SHARED = $(filter-out ./server/verify/buggy ./server/sample ./server/decision/value ./server/voice/%,$(shell grep -rlE --include='*.go' --exclude='*_test.go' '^(import )?[[:space:]]*"sync(/atomic)?"$$' server storage | sed 's,^,./,; s,/[^/]*$$,,' | sort -u))

## race: run the tests of what is shared between requests under the race detector (needs a C compiler)
.PHONY: race
race:
	CGO_ENABLED=1 $(UNHURRIED) $(GO) test -race -short -timeout 15m -shuffle=on -skip '$(LONG)|$(ALONE)' $(ARGS) $(SHARED)
	CGO_ENABLED=1 $(GO) test -race -short -timeout 10m -run '^TestStoreConformance$$' $(ARGS) ./storage/postgres

# How often.
ROUNDS ?= 20

## replicas: test several servers over one PostgreSQL, killed and restarted too, many times (make replicas ROUNDS=20)
.PHONY: replicas
replicas:
	UNDERSTUDY_TEST_REPLICAS=full UNDERSTUDY_REQUIRE_POSTGRES=1 $(GO) test -count=$(ROUNDS) -timeout 2h -run '^TestStore(Replica|RollingRestart)' $(ARGS) ./server/app

# A binary per version of the linter and of Go, since building it takes minutes.
LINT_VERSION := $(shell sed -n 's,^.*github.com/golangci/golangci-lint/v2 \(v[0-9.]*\).*,\1,p' .ci/lint/go.mod)
LINT          = bin/golangci-lint-$(LINT_VERSION)-$(shell $(GO) env GOVERSION)

# By recipe and not by rule, so that only lint and lint-fix ask Go for its version.
define build-lint
	@test -x $(LINT) || { \
		echo 'building golangci-lint $(LINT_VERSION), once: this takes a few minutes'; \
		GOWORK=off CGO_ENABLED=0 $(GO) -C .ci/lint build -trimpath -buildvcs=false -o ../../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint; }
endef

## lint: check the code and its formatting
.PHONY: lint
lint:
	$(build-lint)
	$(LINT) run $(PKG)

## lint-fix: format the code and mend what the linters can mend
.PHONY: lint-fix
lint-fix:
	$(build-lint)
	$(LINT) run --fix $(PKG)

## generate: rebuild gen/ from openapi/
.PHONY: generate
generate:
	$(GO) generate ./openapi

## readme: bring the tables of README.md in line with the documents and the flags
.PHONY: readme
readme:
	$(GO) test -count=1 -run '^TestTables$$' ./internal/readme -update

## bench: run the benchmarks (make bench BENCH=Start)
.PHONY: bench
bench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(ARGS) $(call with,Benchmark)

## load: measure requests over loopback against a bare server, the generated one and the stock middleware (docs/performance.md)
.PHONY: load
load: build
	$(GO) run ./internal/load $(ARGS)

## memory: measure what the server holds during and after a minute of writes (docs/performance.md; Linux)
.PHONY: memory
memory: build
	$(GO) run ./internal/load -memory $(ARGS)

## growth: measure how costs grow with the records and workspaces of a store (docs/performance.md; needs PostgreSQL's server programs)
.PHONY: growth
growth:
	$(GO) run ./internal/growth $(ARGS)

## zenbench: measure decisions beside the vendor's engine, and compare its answers with "make zenbench ARGS='-compare 3000'" (docs/performance.md; needs node and npm)
.PHONY: zenbench
zenbench:
	$(GO) run ./internal/zenbench $(ARGS)

## breadth: measure start, memory and generated code at the breadth that the documents are to have (docs/performance.md)
.PHONY: breadth
breadth:
	$(GO) run ./internal/breadth $(ARGS)

# Rows of the tables that are compared, and how often: the median counts.
ROWS    ?= 1000000
REPEATS ?= 3

## datadiff-bench: compare tables in all ways beside the same work by PostgreSQL alone (make datadiff-bench ROWS=1000000)
.PHONY: datadiff-bench
datadiff-bench:
	UNDERSTUDY_DATADIFF_ROWS=$(ROWS) UNDERSTUDY_DATADIFF_ROUNDS=$(REPEATS) UNDERSTUDY_REQUIRE_POSTGRES=1 $(GO) test -count=1 -v -timeout 30m -run '^TestStore(Figures|DiffsAreTakenMeanwhile)$$' $(ARGS) ./server/datadiff/datadifftest/databases ./server/app

# Cases and seed of the differential test.
CASES ?= 20000
SEED  ?= 1

## differential: judge generated messages twice, by kin-openapi as it comes and by us (make differential CASES=20000 SEED=7)
.PHONY: differential
differential:
	UNDERSTUDY_DIFFERENTIAL=$(CASES) UNDERSTUDY_SEED=$(SEED) $(GO) test -count=1 -v -run '^(TestDifferential|TestKnownDifferences)$$' ./server/contract

# Random requests for each API and mode.
REQUESTS ?= 2000

## oracle: compare random requests with what a real Fastify and a real pydantic answer (make oracle REQUESTS=2000 SEED=7; needs Node, npm, and Python with pydantic 2.13)
.PHONY: oracle
oracle:
	@mkdir -p bin/oracle && cp internal/goldens/brms/package.json bin/oracle/ && cd bin/oracle && npm install --silent --no-package-lock --no-audit --no-fund
	ORACLE_MODULES=$(CURDIR)/bin/oracle UNDERSTUDY_ORACLE=$(REQUESTS) UNDERSTUDY_SEED=$(SEED) $(GO) test -count=1 -v -run '^Test(Fastify|FastAPI|RowsAreListed)$$' $(ARGS) ./internal/goldens

# Kills of the server on each store: sqlite, postgres, or both.
CYCLES ?= 200
STORE  ?= both

## crash: kill the server while clients write, and prove what is left of it (make crash CYCLES=200 STORE=sqlite SEED=7)
.PHONY: crash
crash:
	UNDERSTUDY_CRASH_CYCLES=$(CYCLES) UNDERSTUDY_SEED=$(SEED) $(GO) test -count=1 -v -timeout 2h -run '^TestStoreCrash$$/^($(if $(filter both,$(STORE)),sqlite|postgres,$(STORE)))$$' $(ARGS) ./internal/crash

## jobs: kill processes that run jobs, and prove that each job takes effect once (make jobs KILLS=100)
.PHONY: jobs
KILLS ?= 100
jobs:
	UNDERSTUDY_JOB_ROUNDS=$(KILLS) UNDERSTUDY_REQUIRE_POSTGRES=1 $(GO) test -count=1 -v -timeout 1h -run '^TestStoreKilledWorker$$' $(ARGS) ./server/job

## abuse: attack the built program at full size, and hold what it costs (make abuse ARGS='-run TestStoreAbuseEdge')
.PHONY: abuse
abuse:
	UNDERSTUDY_ABUSE=full $(GO) test -count=1 -v -timeout 1h -run '^TestStoreAbuse' $(ARGS) ./internal/abuse

## fuzz: run every fuzz target for a while (make fuzz FUZZTIME=1m)
.PHONY: fuzz
fuzz:
	@set -e; for dir in $(call with,Fuzz); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$dir/*_test.go); do \
			echo "$$dir $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s $$dir; \
		done; \
	done

## bugs: look for every bug of the servers that have some with three seeds, and with twenty for nothing where there is none
.PHONY: bugs
bugs:
	UNDERSTUDY_BUGS=all $(GO) test -count=1 -v -timeout 2h -run '^TestVerify(Bugs|HarbourBugs)$$' $(ARGS) ./server/verify -seeds 3
	$(GO) test -count=1 -v -timeout 2h -run '^TestVerify(NoBug|HarbourClean|Slow)$$' $(ARGS) ./server/verify -seeds 20

# Random requests per operation.
EXAMPLES ?= 2000

## verify: verify the built server by its own documents, at length (make verify EXAMPLES=2000)
.PHONY: verify
verify: build
	.ci/verify $(EXAMPLES) $$(date +%s)

## clean: remove what was built
.PHONY: clean
clean:
	rm -rf bin dist
