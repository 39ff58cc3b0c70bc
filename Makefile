# The face of the project; `make help` says what there is. The work is done by CMake and scripts/.
export NINJA_STATUS = [%f/%t %es] 

.PHONY: build run test drill-kernel bench recovery format lint fuzz clean help
.DEFAULT_GOAL := build

help:
	@echo 'make        sets up and builds everything (build/bin/fairlead)'
	@echo 'make run    sets up, builds, and shows the stack at work beside the Linux kernel'
	@echo 'make test   sets up, builds, and passes the tests'
	@echo 'make drill-kernel runs the scripts of tests/scripts on this kernel, in real time (ARGS=--timeout=600)'
	@echo 'make bench  measures, beside the kernel and lwIP (build/bench.json)'
	@echo 'make recovery measures the sender over bad paths beside Linux (docs/recovery.md, an hour)'
	@echo 'make fuzz   feeds every parser random input, SECONDS=60 each'
	@echo 'make lint   checks format, clang-tidy and the rules of the house'
	@echo 'make format writes the code in the one form'
	@echo 'make clean  removes what was built'

build: build/build.ninja
	@cmake --build --preset release

run: build/build.ninja
	@scripts/setup run
	@cmake --build --preset release --target fairlead
	@build/bin/fairlead demo --pcap build/demo.pcapng

test: build/build.ninja
	@scripts/setup test
	@cmake --build --preset release
	@ctest --preset release --progress --output-junit tests.xml

ARGS ?=
drill-kernel: build/build.ninja
	@scripts/setup run
	@cmake --build --preset release --target fairlead
	@build/bin/fairlead drill --on kernel --retry 2 $(ARGS) tests/scripts

bench:
	@scripts/setup build bench
	@scripts/bench

recovery: build/build.ninja
	@scripts/setup run
	@cmake --build --preset release --target fairlead
	@scripts/recovery --write $(ARGS)

format:
	@scripts/setup lint
	@scripts/format

lint: build/build.ninja
	@scripts/setup lint
	@scripts/format --check
	@scripts/tidy.py
	@scripts/lint

SECONDS ?= 60
fuzz:
	@scripts/setup build clang
	@scripts/fuzz $(SECONDS)

clean:
	@rm -rf build build-debug build-asan

# Ninja runs CMake again by itself when a CMakeLists.txt changes, but knows nothing of the presets.
# The directory's first configuration is where a missing package would show: set up before it.
.PHONY: packages
packages:
	@scripts/setup build

build/build.ninja: CMakePresets.json | packages
	@cmake --preset release >/dev/null
