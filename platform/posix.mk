# Linux, and what else has gcc or clang, ELF and POSIX.
ifeq ($(origin CC),default)
CC := gcc
endif
OBJCOPY      ?= objcopy
TARGET_FLAGS := -fPIC -pthread
LDLIBS       := -lm -lpthread -ldl
LOCALIZE     := --localize-hidden
SHARED_NAME   = libonnxslim.so.$(SOVERSION)
EXE          :=
ifeq ($(SANITIZE),)
UNDEFINED    := -Wl,-z,defs
endif
