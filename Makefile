# A thin front to CMake. Each target installs the packages it lacks (Debian 12, root or sudo).
# `make help` lists them.

SHELL := /bin/bash
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
FAULT_ROUNDS ?= 50
SANITIZER_TESTS ?= .
TEST_FLAGS ?=
BENCH_FLAGS ?=

OCTOSCALE := $(BUILD)/bin/octoscale

.PHONY: help build test test-faults lint demo bench bench-peers bench-quality bench-vidaio \
        test-asan test-tsan fuzz install models format clean
.NOTPARALLEL:

help:
	@echo "make build        packages and programs: build/bin/octoscale"
	@echo "make models       and the networks' weights, into ~/.local/share/octoscale/models"
	@echo "make demo         a real clip, upscaled, with a before/after picture; under demo/"
	@echo "make test         the whole test suite"
	@echo "make test-faults  the tests that kill programs, in FAULT_ROUNDS=$(FAULT_ROUNDS) rounds"
	@echo "make lint         layout, layers, static checks"
	@echo "make bench        speed of the kernels, the engine and the PNG encoder; BENCH_FLAGS=--quick"
	@echo "make bench-peers  speed beside other engines on the same weights and input"
	@echo "make bench-quality  PSNR, SSIM and MS-SSIM of each network; BENCH_FLAGS=--quick"
	@echo "make bench-vidaio   the Vidaio tasks: speed, prediction, workers; BENCH_FLAGS=--quick"
	@echo "make test-asan    the tests under AddressSanitizer and UBSan"
	@echo "make test-tsan    the tests under ThreadSanitizer"
	@echo "make fuzz         each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "make install PREFIX=$(PREFIX)   programs, documents, systemd units"
	@echo "make format       lay out the sources with clang-format"
	@echo "make clean        remove the build directories and demo/"

build:
	@tools/install_packages build
	@cmake --preset release -B $(BUILD) --log-level=WARNING
	@cmake --build $(BUILD) -j $(JOBS)

models: build
	@tools/install_packages models
	@$(OCTOSCALE) models install || \
	  { echo "make: error: the models could not be installed; see the message above" >&2; exit 1; }

test: models
	@tools/install_packages test
	@OCTOSCALE_REQUIRE_MODELS=1 ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS) \
	  $(TEST_FLAGS)

test-faults: models
	@tools/install_packages test
	@$(BUILD)/bin/pipeline_test --gtest_brief=1 --gtest_filter='Resume*:*Segments*:Journal*'
	@OCTOSCALE_FAULT_ROUNDS=$(FAULT_ROUNDS) \
	  $(BUILD)/bin/integration_test --gtest_brief=1 --gtest_filter='Resume*'

lint:
	@tools/install_packages build lint
	@cmake --preset release -B $(BUILD) --log-level=WARNING
	@tools/lint $(BUILD)

demo: build
	@tools/install_packages models demo
	@tools/demo $(BUILD)

bench: models
	@tools/install_packages bench
	@tools/bench $(BUILD) $(BENCH_FLAGS)

bench-peers: models
	@tools/install_packages peers
	@tools/bench_peers $(BUILD) $(BENCH_FLAGS)

bench-quality: models
	@tools/install_packages quality
	@tools/bench_quality $(BUILD) $(BENCH_FLAGS)

bench-vidaio: models
	@tools/install_packages vidaio
	@tools/bench_vidaio $(BUILD) $(BENCH_FLAGS)

# $(call sanitized,preset,suffix): builds with sanitizers and runs the tests that match
# SANITIZER_TESTS.
define sanitized
	@tools/install_packages build models test
	@cmake --preset $(1) --log-level=WARNING
	@cmake --build build-$(2) -j $(JOBS)
	@build-$(2)/bin/octoscale models install
	@ctest --test-dir build-$(2) --output-on-failure -j $(JOBS) -R '$(SANITIZER_TESTS)'
endef

test-asan:
	$(call sanitized,asan-ubsan,asan)

test-tsan:
	$(call sanitized,tsan,tsan)

fuzz:
	@tools/install_packages build fuzz
	@tools/fuzz $(FUZZ_SECONDS)

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

format:
	@tools/install_packages lint
	@find src tests bench fuzz -name '*.h' -o -name '*.cc' | xargs clang-format -i

clean:
	rm -rf build build-* demo
