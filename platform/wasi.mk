# WebAssembly with WASI, with Debian's clang, lld and wasi-libc (make setup-wasm). There are no threads and no shared
# libraries. setjmp() is built on WebAssembly's exceptions, see src/base/wasi/.
LLVM         ?= 14
CC           := clang-$(LLVM) --target=wasm32-wasi -Qunused-arguments
AR           := llvm-ar-$(LLVM)
TARGET_FLAGS := -mexception-handling -mllvm -wasm-enable-sjlj -isystem src/base/wasi
LDLIBS       := -fuse-ld=/usr/bin/wasm-ld-$(LLVM) -Wl,-z,stack-size=8388608 -lm
LOCALIZE     :=
PAGE_AS_NUMBERS := yes
SHARED_NAME  := none
EXE          := .wasm
