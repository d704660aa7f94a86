# 64-bit Windows, with Debian's mingw-w64 (make setup-windows). Nothing but Windows' own libraries is needed to run.
TRIPLET      := x86_64-w64-mingw32
CC           := $(TRIPLET)-gcc
LD           := $(TRIPLET)-ld
AR           := $(TRIPLET)-ar
OBJCOPY      := $(TRIPLET)-objcopy
# The formats are checked where they are those of C99, and the macros of <math.h> convert to float.
TARGET_FLAGS := -D_WIN32_WINNT=0x0602 -static -Wno-format -Wno-float-conversion
LDLIBS       := -lm
# PE has no hidden symbols.
LOCALIZE     := --wildcard --keep-global-symbol=onnxslim_*
SHARED_NAME  := onnxslim.dll
EXE          := .exe
