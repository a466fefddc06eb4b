/*
 * page.h - GET /metrics and GET /health, where METRICS_PORT is set
 */
#ifndef OPENREPLAY_UPLOADER_PAGE_H
#define OPENREPLAY_UPLOADER_PAGE_H

#include "uploader/status.h"

typedef struct Page
{
	struct MHD_Daemon *daemon; /* NULL: METRICS_PORT is not set */
} Page;

/* False with a message in error. */
extern bool open_page(Page *page, Status *status, char *error, size_t error_size);
extern void close_page(Page *page);

#endif /* OPENREPLAY_UPLOADER_PAGE_H */
