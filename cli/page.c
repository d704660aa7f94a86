/* The page as bytes. The assembler reads the file; where there is none that knows .incbin (WebAssembly, other
 * compilers), the build defines REPORT_PAGE_BYTES as the name of a file with the bytes as numbers:
 * "60,33,...". */
#include "page.h"

#include <stdint.h>

#if defined(REPORT_PAGE_BYTES)

const char report_page[] = {
#include REPORT_PAGE_BYTES
};

size_t report_page_size(void) {
  return sizeof report_page;
}

#else

#if defined(__wasm__)
#error "here the page is wanted as numbers: REPORT_PAGE_BYTES"
#endif
#ifndef REPORT_PAGE
#define REPORT_PAGE "ui/report/dist/report.html"
#endif

#if defined(__APPLE__)
#define READ_ONLY ".const_data\n"
#elif defined(_WIN32)
#define READ_ONLY ".section .rdata,\"dr\"\n"
#else
#define READ_ONLY ".section .rodata\n"
#endif
#if defined(__APPLE__) || (defined(_WIN32) && defined(__i386__))
#define SYMBOL(name) "_" #name
#else
#define SYMBOL(name) #name
#endif
#define LABEL(name) ".globl " SYMBOL(name) "\n" SYMBOL(name) ":\n"

/* C has no other way to take a file in. NOLINTNEXTLINE(portability-no-assembler) */
__asm__(READ_ONLY LABEL(report_page) ".incbin \"" REPORT_PAGE "\"\n" LABEL(report_page_end) ".text\n");

extern const char report_page_end[];

size_t report_page_size(void) {
  return (size_t)((uintptr_t)report_page_end - (uintptr_t)report_page);
}

#endif
