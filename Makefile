# SPDX-License-Identifier: Apache-2.0
# Two commands do everything on a fresh Debian 12 with Swift 6.2 or later: `make run` and `make test`.

SWIFT ?= swift
PREFIX ?= /usr/local
# The Swift runtime is linked in, so that the executable runs on hosts without Swift.
RELEASE := -c release --static-swift-stdlib
BIN = $(shell $(SWIFT) build $(RELEASE) --show-bin-path)
CHECKED := --explicit-target-dependency-import-check error

.PHONY: run build test fuzz fuzz-build trust trust-quick trust-full check format bench install dist clean

## Which parser is fuzzed, and how often it is run.
FUZZ ?= bolt
RUNS ?= 10000000

## Builds, then shows this host's data root if it has one, else walks through the sample hosts.
run: build
	@if [ -d /var/lib/docker/containers ]; then "$(BIN)/bilge"; else "$(BIN)/bilge" demo; fi

build:
	$(SWIFT) build $(RELEASE) --product bilge

## All tests, one after the other: some look at the whole host. Installs what they need (as root); skips loudly what this
## machine cannot do. Counts the instructions of the executable that ships, so that one is built, too.
test: build
	@Scripts/install-packages xz-utils tar attr busybox-static docker.io docker-registry containerd strace util-linux valgrind binutils btrfs-progs e2fsprogs
	$(SWIFT) build --build-tests $(CHECKED)
	BILGE="$$($(SWIFT) build --show-bin-path)/bilge" BILGE_RELEASE="$(BIN)/bilge" \
		$(SWIFT) test --skip-build --no-parallel
	Scripts/trust/run --quick "$(BIN)/bilge"

## Attacks the executable and prints what was promised and reached; ends with an error if a part falls short. Within an hour
## on two cores; `trust-full` takes many, `trust-quick` below can be had in some three minutes and is a part of `make test`.
trust trust-full: build fuzz-build
	@Scripts/install-packages xz-utils tar attr busybox-static docker.io strace util-linux e2fsprogs patch
	Scripts/trust/run $(if $(filter trust-full,$@),--full) "$(BIN)/bilge"

trust-quick: build
	@Scripts/install-packages xz-utils tar attr busybox-static docker.io strace util-linux e2fsprogs
	Scripts/trust/run --quick "$(BIN)/bilge"

## One parser under libFuzzer, starting from its corpus; what traps it is left in the folder. A database has pages, and
## needs more bytes than a line of text.
fuzz: fuzz-build
	@mkdir -p .build/fuzz/found-$(FUZZ)
	BILGE_FUZZ=$(FUZZ) .build/fuzz/release/Fuzz -runs=$(RUNS) -max_len=$(if $(filter bolt,$(FUZZ)),16384,4096) \
		-timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix=.build/fuzz/ \
		.build/fuzz/found-$(FUZZ) Tests/Fuzz/Corpus/$(FUZZ)

fuzz-build:
	BILGE_FUZZ=1 $(SWIFT) build -c release --sanitize fuzzer -Xswiftc -enable-testing --scratch-path .build/fuzz --product Fuzz

## Format, lints and the docs that are made from the code.
check:
	@Scripts/install-packages patch
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests
	Scripts/check

format:
	$(SWIFT) format format --in-place --recursive --parallel Package.swift Sources Tests

bench: build
	@Scripts/install-packages tar busybox-static docker.io time gdu
	Scripts/bench "$(BIN)/bilge"
	Scripts/bench-free "$(BIN)/bilge"
	Scripts/bench-walk "$(BIN)/bilge"
	Scripts/bench-docker "$(BIN)/bilge"

install: build
	install -D -m 0755 "$(BIN)/bilge" "$(DESTDIR)$(PREFIX)/bin/bilge"
	install -D -m 0644 docs/reference/bilge.1 "$(DESTDIR)$(PREFIX)/share/man/man1/bilge.1"
	install -d "$(DESTDIR)$(PREFIX)/lib/docker/cli-plugins"
	ln -sf "$(PREFIX)/bin/bilge" "$(DESTDIR)$(PREFIX)/lib/docker/cli-plugins/docker-bilge"
	install -d "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	"$(BIN)/bilge" --generate-completion-script bash > "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/bilge"
	"$(BIN)/bilge" --generate-completion-script zsh > "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_bilge"
	"$(BIN)/bilge" --generate-completion-script fish > "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/bilge.fish"

## An archive with one executable for hosts without Swift, and its checksum.
dist:
	Scripts/dist

clean:
	rm -rf .build dist
