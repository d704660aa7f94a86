/* The template of --report's page, built in: ui/report/dist/report.html, which `make ui` makes. */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>

extern const char report_page[];
size_t report_page_size(void);

#endif
