/*
 * identity.h - which of the ingest servers this one is
 *
 * The database gives each server name a 16-bit number, once.  The number is part of session ids and names the server's
 * lanes. It is kept in STATE_DIR, so that ids can be made while the database is away, together with the name it was
 * given for, so that a host which is called differently after each restart stays the same server.
 */
#ifndef OPENREPLAY_IDENTITY_H
#define OPENREPLAY_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/pq.h"
#include "server/settings.h"

/* The number kept in STATE_DIR, -1 when there is none. */
extern int recall_server_id(const Settings *settings);

/*
 * The number as the database knows it now, kept if it is news; -1 with a message in error.  A changed SERVER_NAME
 * counts only when stay is false: what is half drained under one number must not begin again under another.
 */
extern int register_server(const Settings *settings, bool stay, PGconn *conn, const PqWait *wait, char *error,
						   size_t error_size);

/*
 * Which STATE_DIR this is, among all that ever were: by it the database tells two servers of one name from one that
 * comes back.  In text, IDENTITY_INSTANCE_SIZE bytes; false with a message in error.
 */
#define IDENTITY_INSTANCE_SIZE 37
extern bool read_instance(const Settings *settings, char *instance, char *error, size_t error_size);

#endif /* OPENREPLAY_IDENTITY_H */
