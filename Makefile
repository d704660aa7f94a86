# onnxslim. `make help` lists the targets. A machine needs gcc, make and Python 3.11; the rest is installed into
# .venv/ from the pinned lists in requirements/.

BUILD    ?= build
PYTHON   ?= python3
VENV     := .venv
PY       := $(VENV)/bin/python
MODEL    ?= bert_base
PYTEST   := $(PY) -m pytest
JOBS     := $(shell nproc 2>/dev/null || echo 2)

# What to build for: posix, or through `make windows` and `make wasm` another.
PLATFORM ?= posix
include platform/$(PLATFORM).mk
OPT      ?= -O2
# CMakeLists.txt reads these two. Clang would contract a*b+c to one rounding where the machine can.
DIALECT  := -std=c11 -D_GNU_SOURCE -ffp-contract=off
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow
SANITIZE ?=
ifneq ($(SANITIZE),)
SANITIZED := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
CFLAGS   ?= -g
ALL_CFLAGS = $(DIALECT) $(OPT) $(WARNINGS) -fvisibility=hidden $(TARGET_FLAGS) $(SANITIZED) $(CFLAGS)
# One short line per step; V=1 shows the commands.
say       = $(if $(V),,@printf '  %-7s %s\n' $(1) $@;)

# The soname follows the version by semantic versioning: its first number.
VERSION   := $(shell sed -n 's/^.define ONNXSLIM_VERSION "\(.*\)"$$/\1/p' include/onnxslim.h)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))
EXPORTS   := src/exports.map
LIB_SRC  := $(sort $(shell find src -name '*.c'))
CLI_SRC  := $(sort $(wildcard cli/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/obj/%.o)
UNIT_OBJ := $(UNIT_SRC:%.c=$(BUILD)/obj/%.o)

STATIC   := $(BUILD)/libonnxslim.a
SHARED   := $(BUILD)/$(SHARED_NAME)
PROGRAM  := $(BUILD)/onnxslim$(EXE)
DRIVER_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/conformance/*.c tests/robust/*.c))
DRIVERS  := $(patsubst %.o,$(BUILD)/%,$(notdir $(DRIVER_OBJ)))
WRONG_OBJ := $(BUILD)/obj/tests/bisect/wrong_pass.o
FUZZ_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard fuzz/*.c))
REPLAYS  := $(patsubst $(BUILD)/obj/fuzz/%.o,$(BUILD)/replay-%,$(filter-out %/replay.o,$(FUZZ_OBJ)))
PROGRAMS := $(PROGRAM) $(BUILD)/onnxslim-wrong $(BUILD)/unit $(BUILD)/examples/optimize $(DRIVERS) $(REPLAYS)

.DELETE_ON_ERROR:

# --- build -------------------------------------------------------------------------------------------------

# Every target with a line in `make help` is a command, not a file.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' $(firstword $(MAKEFILE_LIST)))
all: programs $(STATIC) $(SHARED) ## build the library, the command line, the unit tests and the example

.PHONY: programs
programs: $(PROGRAMS)

# The sources are found by `find`, so a removed or added file must relink what was made of the old list.
$(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_SRC) $(CLI_SRC) $(UNIT_SRC)' | cmp -s - $@ || echo '$(LIB_SRC) $(CLI_SRC) $(UNIT_SRC)' >$@
.PHONY: FORCE
FORCE:

# The layers below include/ see include/ and src/; the command line sees the public header alone.
$(BUILD)/obj/src/eval/%.o: OPT := $(OPT:-O2=-O3)
$(BUILD)/obj/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -Iinclude -Isrc -MMD -MP -c $< -o $@
$(BUILD)/obj/cli/%.o: cli/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -Iinclude -MMD -MP -c $< -o $@
$(BUILD)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -Iinclude -Isrc -Itests/unit -MMD -MP -c $< -o $@
$(BUILD)/obj/fuzz/%.o: fuzz/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -Iinclude -Isrc -Itests/robust -MMD -MP -c $< -o $@

# The page of --report is read by the assembler where that knows .incbin (cli/page.c), else as numbers.
PAGE := ui/report/dist/report.html
$(BUILD)/obj/cli/page.o: $(PAGE)
ifneq ($(PAGE_AS_NUMBERS),)
$(BUILD)/obj/cli/page.o: $(BUILD)/page.inc
$(BUILD)/obj/cli/page.o: override CFLAGS += -DREPORT_PAGE_BYTES='"$(abspath $(BUILD)/page.inc)"'
$(BUILD)/page.inc: $(PAGE)
	@mkdir -p $(@D)
	@od -An -v -tu1 $< | sed 's/  */,/g; s/^,//; s/$$/,/' >$@
endif

# One relocatable object in which all is local that the header does not declare: who links the archive sees onnxslim_*
# only.
ifneq ($(LOCALIZE),)
$(BUILD)/libonnxslim.o: $(LIB_OBJ) $(BUILD)/sources
	$(call say,LD)$(LD) -r -o $@ $(LIB_OBJ)
	@$(OBJCOPY) $(LOCALIZE) $@
$(STATIC): $(BUILD)/libonnxslim.o
else
$(STATIC): $(LIB_OBJ) $(BUILD)/sources
endif
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $(filter %.o,$^)
$(BUILD)/libonnxslim.so.%: $(LIB_OBJ) $(BUILD)/sources $(EXPORTS)
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,$(@F) -Wl,--version-script=$(EXPORTS) $(UNDEFINED) \
	  -o $@ $(LIB_OBJ) $(LDLIBS)
	@ln -sf $(@F) $(BUILD)/libonnxslim.so
$(BUILD)/onnxslim.dll: $(BUILD)/libonnxslim.o
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -shared -Wl,--export-all-symbols -Wl,--out-implib,$(BUILD)/libonnxslim.dll.a \
	  -o $@ $< $(LDLIBS)
$(PROGRAM): $(CLI_OBJ) $(STATIC)
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -o $@ $(CLI_OBJ) $(STATIC) $(LDLIBS)
$(BUILD)/onnxslim.1: $(PROGRAM)
	$(call say,MAN)$< man >$@
COMPLETIONS := $(addprefix $(BUILD)/onnxslim.,bash zsh fish)
$(COMPLETIONS): $(BUILD)/onnxslim.%: $(PROGRAM)
	$(call say,SHELL)$< completion $* >$@
$(BUILD)/unit: $(UNIT_OBJ) $(LIB_OBJ) $(BUILD)/sources
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -o $@ $(UNIT_OBJ) $(LIB_OBJ) $(LDLIBS)
# The tests of bisect need a rule that is wrong: it is linked in place of a right one.
$(BUILD)/onnxslim-wrong: $(CLI_OBJ) $(LIB_OBJ) $(WRONG_OBJ) $(BUILD)/sources
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -o $@ $(CLI_OBJ) $(filter-out %/fuse_rmsnorm.o,$(LIB_OBJ)) $(WRONG_OBJ) $(LDLIBS)
# Some tests drive inner layers through small programs of their own.
$(DRIVERS): $(DRIVER_OBJ) $(LIB_OBJ) $(BUILD)/sources
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -o $@ $(filter %/$(@F).o,$(DRIVER_OBJ)) $(LIB_OBJ) $(LDLIBS)
# A fuzz target, with the main that replays files, and with libFuzzer's (clang; see `make fuzz`).
$(BUILD)/replay-%: $(BUILD)/obj/fuzz/%.o $(BUILD)/obj/fuzz/replay.o $(LIB_OBJ) $(BUILD)/sources
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -o $@ $(filter %.o,$^) $(LDLIBS)
$(BUILD)/fuzz-%: $(BUILD)/obj/fuzz/%.o $(LIB_OBJ) $(BUILD)/sources
	$(call say,LINK)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(LDLIBS)
.SECONDARY: $(FUZZ_OBJ)
$(BUILD)/examples/%: examples/%.c include/onnxslim.h $(STATIC)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) -std=c99 $(OPT) $(WARNINGS) $(SANITIZED) $(CFLAGS) -Iinclude -o $@ $< $(STATIC) $(LDLIBS)

-include $(patsubst %.o,%.d,$(LIB_OBJ) $(CLI_OBJ) $(UNIT_OBJ) $(DRIVER_OBJ) $(WRONG_OBJ) $(FUZZ_OBJ))

# --- other platforms ---------------------------------------------------------------------------------------
# platform/ has what each needs.

WASM    := build/wasm
WINDOWS := build/windows
wasm: ## build/wasm/onnxslim.wasm, the command line for WebAssembly with WASI (after setup-wasm)
	$(MAKE) PLATFORM=wasi BUILD=$(WASM) CFLAGS='$(filter-out -g,$(CFLAGS))' $(WASM)/onnxslim.wasm $(WASM)/libonnxslim.a
windows: ## build/windows/: command line, DLL and libraries for 64-bit Windows (after setup-windows)
	$(MAKE) PLATFORM=windows BUILD=$(WINDOWS) $(addprefix $(WINDOWS)/,onnxslim.exe onnxslim.dll libonnxslim.a)
BROWSER := build/browser/index.html
browser: wasm ## build/browser/index.html, a page that slims models in the browser (after setup-wasm, setup-ui)
	cd ui/browser && npm run --silent check && npm run --silent build -- $(abspath $(WASM)/onnxslim.wasm $(BROWSER))
setup-wasm: ## install clang, lld, wasi-libc and Node (Debian, as root)
	apt-get install -y --no-install-recommends clang-14 lld-14 llvm-14 wasi-libc libclang-rt-14-dev-wasm32 nodejs
setup-windows: ## install MinGW-w64 and Wine (Debian, as root)
	apt-get install -y --no-install-recommends gcc-mingw-w64-x86-64-posix wine wine64

# --- install -----------------------------------------------------------------------------------------------
# For CMake's find_package() install with CMake: cmake -B build/cmake && cmake --install build/cmake.

PREFIX   ?= /usr/local
LIBDIR   ?= lib
DESTDIR  ?=
INTO      = $(DESTDIR)$(PREFIX)
FULL     := libonnxslim.so.$(VERSION)
# From the folder of onnxslim.pc back to the prefix.
UP       := $(shell realpath -ms --relative-to=/$(LIBDIR)/pkgconfig /)
PC_VALUES = s|@PC_PREFIX@|$${pcfiledir}/$(UP)|; s|@PC_LIBDIR@|$${prefix}/$(LIBDIR)|; \
  s|@PC_INCLUDEDIR@|$${prefix}/include|; s|@PC_VERSION@|$(VERSION)|; s|@PC_LIBS_PRIVATE@|$(LDLIBS)|

# Where the manual page and the completions are looked for.
SHARE     = $(INTO)/share
MAN       = $(SHARE)/man/man1/onnxslim.1
BASH_FILE = $(SHARE)/bash-completion/completions/onnxslim
ZSH_FILE  = $(SHARE)/zsh/site-functions/_onnxslim
FISH_FILE = $(SHARE)/fish/vendor_completions.d/onnxslim.fish

install: $(PROGRAM) $(STATIC) $(SHARED) $(BUILD)/onnxslim.1 $(COMPLETIONS) ## put command line, library and header below PREFIX (DESTDIR= LIBDIR=lib)
	install -d $(INTO)/bin $(INTO)/include $(INTO)/$(LIBDIR)/pkgconfig
	install -D -m 644 $(BUILD)/onnxslim.1 $(MAN)
	install -D -m 644 $(BUILD)/onnxslim.bash $(BASH_FILE)
	install -D -m 644 $(BUILD)/onnxslim.zsh $(ZSH_FILE)
	install -D -m 644 $(BUILD)/onnxslim.fish $(FISH_FILE)
	install $(PROGRAM) $(INTO)/bin/
	install -m 644 include/onnxslim.h $(INTO)/include/
	install -m 644 $(STATIC) $(INTO)/$(LIBDIR)/
	install -m 644 $(SHARED) $(INTO)/$(LIBDIR)/$(FULL)
	ln -sf $(FULL) $(INTO)/$(LIBDIR)/$(notdir $(SHARED))
	ln -sf $(notdir $(SHARED)) $(INTO)/$(LIBDIR)/libonnxslim.so
	sed '$(PC_VALUES)' cmake/onnxslim.pc.in >$(INTO)/$(LIBDIR)/pkgconfig/onnxslim.pc
uninstall: ## remove what install put there
	rm -f $(MAN) $(BASH_FILE) $(ZSH_FILE) $(FISH_FILE)
	rm -f $(INTO)/bin/onnxslim $(INTO)/include/onnxslim.h $(INTO)/$(LIBDIR)/libonnxslim.a \
	  $(INTO)/$(LIBDIR)/libonnxslim.so* $(INTO)/$(LIBDIR)/pkgconfig/onnxslim.pc

# --- release -----------------------------------------------------------------------------------------------

DIST := onnxslim-$(VERSION)
dist: ## build/onnxslim-VERSION.tar.xz, the sources of the last commit: the same bytes each time
	@test -z "$$(git status --porcelain)" || echo 'dist: what is not committed is not in it' >&2
	@mkdir -p build
	git -c tar.umask=0022 archive --format=tar --prefix=$(DIST)/ -o build/$(DIST).tar HEAD
	xz --force -9 --threads=1 build/$(DIST).tar
distcheck: dist ## unpack that, build, test and install there (ARGS=... for pytest)
	rm -rf build/distcheck
	mkdir -p build/distcheck
	mv build/$(DIST).tar.xz build/distcheck/first.tar.xz
	$(MAKE) dist
	cmp build/distcheck/first.tar.xz build/$(DIST).tar.xz
	tar -xf build/$(DIST).tar.xz -C build/distcheck
	$(MAKE) -C build/distcheck/$(DIST) VENV='$(abspath $(VENV))' check
	$(MAKE) -C build/distcheck/$(DIST) install PREFIX=/usr DESTDIR='$(abspath build/distcheck/root)'
	build/distcheck/root/usr/bin/onnxslim --version | grep -x 'onnxslim $(VERSION)'

# --- Python: one virtual environment, pinned ---------------------------------------------------------------

INSTALL := -m pip install --quiet --disable-pip-version-check --no-input --no-deps
PIP := $(PY) $(INSTALL)

$(VENV)/created:
	$(PYTHON) -m venv $(VENV)
	@touch $@
$(VENV)/%.installed: requirements/%.txt $(VENV)/created
	$(PIP) -r $<
	@touch $@
setup: $(VENV)/test.installed $(VENV)/install.installed $(VENV)/lint.installed ## make .venv/ and install the pinned packages

# The peers and what draws plots have an environment of their own.
BENCH := .venv-bench
$(BENCH)/installed: requirements/peers.txt requirements/plots.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python $(INSTALL) $(^:%=-r %)
	@touch $@

# So have those that build the Python package, check its types and run it on Dask.
PACKAGE := .venv-package
$(PACKAGE)/installed: requirements/package.txt
	$(PYTHON) -m venv $(PACKAGE)
	$(PACKAGE)/bin/python $(INSTALL) -r $<
	@touch $@
setup-package: $(PACKAGE)/installed ## what the tests of the wheel, the types and Dask need: CMake, mypy, distributed
wheel: $(PACKAGE)/installed ## the Python package: build/dist/onnxslim-*.whl
	PATH=$(CURDIR)/$(PACKAGE)/bin:$$PATH $(PACKAGE)/bin/python -m pip wheel --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation --no-index -w $(BUILD)/dist .

# Programs that call the package, as their users have them: 6 GB, elsewhere if CLIENTS says so.
CLIENTS := .venv-clients
$(CLIENTS)/installed: requirements/clients.txt
	$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/python $(INSTALL) -r $<
	@touch $@
clients: all wheel $(VENV)/test.installed $(CLIENTS)/installed ## ultralytics and optimum call the package (CLIENTS=.venv-clients, 6 GB)
	$(CLIENTS)/bin/python -m pip uninstall --quiet --yes onnxslim
	$(CLIENTS)/bin/python $(INSTALL) --no-index $$(ls -t $(BUILD)/dist/onnxslim-*.whl | head -1)
	ONNXSLIM_CLIENTS=$(CLIENTS) $(PYTEST) --build=$(BUILD) -v tests/python/test_clients.py $(ARGS)

# The site generator has one too: it needs nothing of ours, and we nothing of it.
DOCS := .venv-docs
$(DOCS)/installed: requirements/docs.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python $(INSTALL) -r $<
	@touch $@

# --- run ---------------------------------------------------------------------------------------------------

man: $(BUILD)/onnxslim.1 ## the manual page: man -l build/onnxslim.1

demo: all $(VENV)/test.installed ## optimise a real exported model (MODEL=bert_base) and verify it in ONNX Runtime
	@$(PY) tools/demo.py --build $(BUILD) $(MODEL)

test: all $(VENV)/test.installed $(VENV)/install.installed ## everything: unit, golden, cli, api, conformance and zoo tests
	$(PYTEST) --build=$(BUILD) -n $(JOBS) $(ARGS)

check: all $(VENV)/test.installed $(VENV)/install.installed ## the tests without the zoo's models: a minute
	$(PYTEST) --build=$(BUILD) -n $(JOBS) --ignore tests/zoo $(ARGS)

# Allocation limits and the shared library make no sense in an instrumented process; everything else runs.
ASAN := build/asan
sanitize: $(VENV)/test.installed ## unit, golden, cli and small zoo tests under ASan and UBSan
	$(MAKE) BUILD=$(ASAN) SANITIZE=address,undefined OPT=-O1 programs
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	  $(PYTEST) --build=$(ASAN) -n $(JOBS) -m 'not large and not plain' $(ARGS)

robust: $(VENV)/test.installed ## malformed models and refused memory in full, under ASan and UBSan (half an hour)
	$(MAKE) BUILD=$(ASAN) SANITIZE=address,undefined OPT=-O1 programs
	ONNXSLIM_ROBUST=1 ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	  $(PYTEST) --build=$(ASAN) -n $(JOBS) -rP tests/robust $(ARGS)

tsan: $(VENV)/test.installed ## the library in many threads under ThreadSanitizer
	$(MAKE) BUILD=build/tsan SANITIZE=thread OPT=-O1 build/tsan/threads
	TSAN_OPTIONS=halt_on_error=1 $(PYTEST) --build=build/tsan tests/robust/test_threads.py $(ARGS)

# What a run finds beyond the committed corpus stays in $(FUZZ)/corpus/; inputs that crash in $(FUZZ)/found/.
FUZZ    := build/libfuzzer
CLANG   ?= clang-14
TARGET  ?= pipeline
SECONDS ?= 1800
FUZZ_ENV = ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
fuzz-setup: ## install clang and its libFuzzer (Debian, as root)
	apt-get install -y clang-14 libclang-rt-14-dev
fuzz: ## libFuzzer under ASan and UBSan (TARGET=wire|rules|pipeline SECONDS=1800), after fuzz-setup
	$(MAKE) BUILD=$(FUZZ) CC='$(CLANG)' SANITIZE=fuzzer-no-link,address,undefined OPT=-O1 $(FUZZ)/fuzz-$(TARGET)
	@mkdir -p $(FUZZ)/corpus/$(TARGET) $(FUZZ)/found/$(TARGET)
	$(PYTHON) fuzz/dictionary.py $(TARGET) >$(FUZZ)/$(TARGET).dict
	$(FUZZ_ENV) $(PYTHON) fuzz/record.py $(TARGET) $(FUZZ)/$(TARGET).log \
	  $(FUZZ)/fuzz-$(TARGET) -dict=$(FUZZ)/$(TARGET).dict -artifact_prefix=$(FUZZ)/found/$(TARGET)/ \
	  -max_len=16384 -timeout=30 -rss_limit_mb=4096 -max_total_time=$(SECONDS) -print_final_stats=1 $(ARGS) \
	  $(FUZZ)/corpus/$(TARGET) fuzz/corpus/$(TARGET)
fuzz-corpus: $(VENV)/test.installed ## after fuzz: add what reached further to the committed corpus (TARGET=...)
	$(PY) fuzz/seeds.py $(TARGET) $(FUZZ)/seeds/$(TARGET)
	$(FUZZ_ENV) $(FUZZ)/fuzz-$(TARGET) -set_cover_merge=1 -timeout=30 -max_len=16384 \
	  fuzz/corpus/$(TARGET) $(FUZZ)/corpus/$(TARGET) $(FUZZ)/seeds/$(TARGET)

SEEDS ?= 0:10000
fuzz-differential: programs $(VENV)/test.installed ## random models before and after in ONNX Runtime (SEEDS=FIRST:LAST)
	$(PY) fuzz/differential.py --build $(BUILD) --seeds $(SEEDS) --jobs $(JOBS) $(ARGS)

docs: $(BUILD)/onnxslim $(VENV)/test.installed $(DOCS)/installed ## the documentation as a site: build/site/index.html
	$(PY) tools/docs/pages.py --build $(BUILD)
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict -f build/docs/mkdocs.yml

# Other compilers where they are there.
where = if command -v $(1) >/dev/null; then $(MAKE) $(2); else echo 'lint: no $(1) here, its warnings are not seen'; fi
lint: $(VENV)/test.installed $(VENV)/lint.installed ## clang-format, -Werror with all compilers here, clang-tidy, ruff, layers
	$(PY) tools/check_layers.py
	$(VENV)/bin/clang-format --dry-run -Werror $(C_FILES)
	$(MAKE) BUILD=build/lint CFLAGS='-g -Werror' programs
	$(call where,$(CLANG),BUILD=build/lint-clang CC=$(CLANG) CFLAGS='-g -Werror' programs)
	$(call where,wasm-ld-14,WASM=build/lint-wasm CFLAGS=-Werror wasm)
	$(call where,x86_64-w64-mingw32-gcc,WINDOWS=build/lint-windows CFLAGS=-Werror windows)
	printf '%s\n' $(LIB_SRC) $(CLI_SRC) | xargs -P $(JOBS) -n 8 \
	  sh -c '$(VENV)/bin/clang-tidy --quiet --warnings-as-errors="*" "$$@" -- $(TIDY_ARGS)' clang-tidy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PY) tools/readme.py --check

format: $(VENV)/lint.installed ## rewrite the sources in the project's format
	$(VENV)/bin/clang-format -i $(C_FILES)
	$(VENV)/bin/ruff check --fix --select I .
	$(VENV)/bin/ruff format .

C_FILES = $(shell find include src cli tests examples fuzz -name '*.c' -o -name '*.h' | sort)
TIDY_ARGS = $(DIALECT) -Iinclude -Isrc

golden-update: all $(VENV)/test.installed ## rewrite what the golden tests expect
	$(PYTEST) --build=$(BUILD) -q tests/golden --update-golden $(ARGS)

zoo-update: all $(VENV)/test.installed ## rewrite the zoo's pinned node counts (tests/zoo/expected.json)
	$(PYTEST) --build=$(BUILD) -q tests/zoo -k nodes --update-zoo $(ARGS)

zoo: $(VENV)/test.installed ## export the zoo anew and rewrite its skeletons (installs PyTorch; hours)
	$(PYTHON) models/export_all.py

results: all $(VENV)/test.installed ## measure the zoo, write results/zoo.json and README.md's numbers
	$(PYTEST) --build=$(BUILD) -q tests/zoo -k accurate
	$(PY) tools/measure.py --build $(BUILD)
	$(PY) tools/readme.py

peers: programs $(BENCH)/installed ## run the peers on the zoo, ours beside them: results/peers.json, .md (hours)
	nice $(BENCH)/bin/python bench/peers/run.py --build $(BUILD) $(ARGS)
	nice $(BENCH)/bin/python bench/peers/recognised.py --build $(BUILD)

latency: programs $(BENCH)/installed ## time the zoo in ONNX Runtime on a quiet machine: results/latency.json, .md (an hour)
	$(BENCH)/bin/python bench/latency/run.py --build $(BUILD) $(ARGS)
	$(BENCH)/bin/python tools/readme.py

speed: programs $(BENCH)/installed ## the whole process against cp, on a quiet machine: results/speed.json, .md, .svg (minutes)
	$(BENCH)/bin/python bench/speed/run.py --build $(BUILD) $(ARGS)

scaling: programs $(BENCH)/installed ## time per node up to a million nodes: results/scaling.json, .svg (minutes)
	$(BENCH)/bin/python bench/scaling/run.py --build $(BUILD) $(ARGS)

python-bench: $(SHARED) $(BENCH)/installed ## time the Python package beside its peers: results/python.json, .md (minutes)
	$(PY) models/materialize.py mobilenetv3_small deit_small
	$(BENCH)/bin/python bench/python/run.py --build $(BUILD) $(ARGS)

readme: $(VENV)/test.installed ## put the measured numbers of results/ into README.md and docs/
	$(PY) tools/readme.py

gates: $(VENV)/test.installed ## the proof's hard gates, judged on results/
	@$(PY) tools/gates.py

experiments: programs $(BENCH)/installed ## all experiments on the zoo, as far as they are not known: results/exp_*
	$(BENCH)/bin/python experiments/run.py --build $(BUILD) $(ARGS)
	$(if $(ARGS),,$(BENCH)/bin/python bench/latency/run.py --build $(BUILD))
	$(BENCH)/bin/python tools/readme.py

setup-ui: ## install what bundles and tests the pages of ui/: npm packages, and Chromium (Debian, as root)
	command -v npm >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends nodejs npm; }
	command -v chromium >/dev/null || \
	  { apt-get update -q && apt-get install -qy --no-install-recommends chromium fonts-dejavu-core; }
	for page in report browser; do (cd ui/$$page && npm ci --no-audit --no-fund) || exit; done

ui: ## bundle ui/report/ into its dist/report.html, the template of --report (after setup-ui)
	cd ui/report && npm run --silent check && npm run --silent build

clean: ## remove what was built
	rm -rf build
distclean: clean ## remove the virtual environment and the rebuilt models too
	rm -rf $(VENV) models/built ui/*/node_modules

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
