/*
 * listen.h - a socket that servers listen on
 */
#ifndef OPENREPLAY_LISTEN_H
#define OPENREPLAY_LISTEN_H

#include <stddef.h>

/* port 0: any free one; *bound is the one it became.  -1 with a message in error. */
extern int listen_on(const char *host, unsigned port, int backlog, unsigned *bound, char *error, size_t error_size);

#endif /* OPENREPLAY_LISTEN_H */
