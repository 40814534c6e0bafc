# Deskbridge. `make` alone lists the targets.

version := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: help demo build test lint bench fuzz pictures

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

demo: ## see it work in the browser: the inbox and a customer's phone, with no account and no configuration
	go run ./cmd/deskbridge demo

build: ## build the static binary bin/deskbridge, and bin/loadgen
	CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags '-s -w -X main.release=$(version)' -o bin/deskbridge ./cmd/deskbridge
	CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags '-s -w' -o bin/loadgen ./cmd/loadgen

test: ## the whole check; installs the servers that the tests talk to (says so first)
	internal/tools/test.sh

lint: ## run the pinned linters
	go tool -modfile=internal/tools/go.mod golangci-lint config verify
	go tool -modfile=internal/tools/go.mod golangci-lint run

bench: ## measure the goals as ratios to the bare limits of this machine
	internal/tools/servers.sh
	@command -v mbsync >/dev/null || { echo 'bench: installing with apt-get: isync, whose mbsync is compared with'; \
		apt-get install -y -q --no-install-recommends isync; } || echo 'bench: that failed, so this comparison is left out'
	go run ./internal/bench

fuzz: ## run each fuzz target for a minute
	internal/tools/fuzz.sh 1m

pictures: ## make the pictures of the README anew, by the tests' browser
	DESKBRIDGE_PICTURES=$(CURDIR)/docs/pictures go test ./internal/inbox -run TestPicturesForTheReadme -count=1
