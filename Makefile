# Verbs of the house. Each does what it says or fails.
GO      ?= go
BIN     := bin/cloister
export CGO_ENABLED ?= 0

.PHONY: build demo test check gen s3suite kernel conformance crash bench quality fuzz clean

build:
	$(GO) build -trimpath -o $(BIN) ./cmd/cloister

# The main job on real documents inside a VPC, and the walls that stop it. DOCS=folder for documents of your own.
demo: build
	$(BIN) demo $(if $(DOCS),-docs $(DOCS))

test:
	$(GO) test -shuffle=on ./...

# go vet, the import law, and the linter when it is installed (.ci/run installs it).
check:
	$(GO) vet ./...
	$(GO) test ./test/arch
	@if command -v golangci-lint >/dev/null; then golangci-lint run ./...; else echo "golangci-lint is not installed: go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"; exit 1; fi

# Everything generated, from its sources; the tree must not change.
gen:
	cd tools/modelgen && $(GO) run . ../..
	cd tools/actiongen && $(GO) run . ../..

# The S3 functional tests of versitygw against the program; S3SUITE=regular-expression selects some.
s3suite:
	cd test/s3suite && $(GO) test -v -count=1 -timeout 20m .

kernel:
	CLOISTER_REQUIRE=kernel $(GO) test -count=1 ./test/kernel ./internal/driver/linux ./internal/driver/cell/...

conformance:
	cd test/conformance && $(GO) test -count=1 -v ./...
	cd test/objectstore && $(GO) test -count=1 -v ./... # objects that lie in versitygw

crash:
	CLOISTER_REQUIRE=kernel CLOISTER_CRASH_ROUNDS=50 $(GO) test -count=1 -timeout 60m -run 'Crash|Kill' ./internal/driver/sqlite ./internal/driver/disk ./test/kernel ./test/whole
	CLOISTER_REQUIRE=kernel CLOISTER_LONG=1 $(GO) test -count=1 -timeout 30m -run 'TestGreatObject$$' ./test/whole

bench:
	$(GO) test -run '^$$' -bench . -benchmem $$(grep -rl --include='*_test.go' '^func Benchmark' internal test | xargs -n1 dirname | grep -v internal/work/entry | sort -u | sed 's|^|./|')
	$(GO) test -run '^$$' -bench . -benchtime 1x ./internal/work/entry # hundreds of hostile texts
	cd bench/policy && $(GO) run . # beside cedar-go, in one run
	cd bench/english && $(GO) run . # beside prose and govader, in one run
	cd bench/objects && $(GO) run . && $(GO) run . -sdk -rounds 3 # beside versitygw and plain file serving, in one run

quality:
	$(GO) test -count=1 -run Quality -v -timeout 60m ./internal/work/language ./internal/work/classify ./internal/work/pii ./internal/work/topic
	$(GO) test -count=1 -run Quality -v ./internal/work/syntax ./internal/work/phrase ./internal/work/sentiment ./internal/work/targeted
	$(GO) test -count=1 -run Quality -v -timeout 60m ./internal/work/entity ./internal/work/recogniser
	@if [ -n "$$CLOISTER_TEXT" ]; then cd tools/entitygen && $(GO) run . -data "$$CLOISTER_DATA" -text "$$CLOISTER_TEXT" \
	  -leave wikigold+crossner-politics+wnut17 -check ../../internal/work/entity; \
	else echo "CLOISTER_TEXT names no folder filled by tools/entitygen/fetch.sh: entity models that have not seen a set are not measured"; fi

FUZZTIME ?= 20s
fuzz:
	@set -e; for p in $$(grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$p/*_test.go | sed 's/func //'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./$$p; done; done

clean:
	rm -rf bin
