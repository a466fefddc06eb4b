/*
 * wire.h - the tracker's wire format: message catalogue, decoder, encoder
 *
 * The one place where batch bytes become messages and messages become bytes.  The extension, the ingest server, the
 * uploader, the tests and the fuzzers all use it.  Plain C: no PostgreSQL, no clock, no allocation.  A decoded string
 * is a slice of the batch it came from, so the batch must outlive it.
 */
#ifndef OPENREPLAY_WIRE_H
#define OPENREPLAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAX_FIELDS 18				  /* PageEvent (33) has the most */
#define WIRE_MAX_STRING_BYTES 10000000	  /* longer strings are refused, as the trackers' servers always did */
#define WIRE_BODY_MAX ((size_t) 64 << 20) /* of a stored body, inflated: what all readers take */
#define WIRE_TYPE_COUNT 128				  /* every known type is below this and so one byte long */

typedef enum WirePlatform
{
	WIRE_WEB,
	WIRE_MOBILE
} WirePlatform;

typedef enum WireKind
{
	WIRE_BOOLEAN, /* one byte, 01 is true and all else false */
	WIRE_UINT,	  /* base-128 varint, up to 64 bits */
	WIRE_INT,	  /* zigzag varint */
	WIRE_STRING	  /* uint byte length, then the bytes: nominally UTF-8, never trusted to be */
} WireKind;

/* What was wrong with the bytes.  Names and hints: wire_error_text(). */
typedef enum WireError
{
	WIRE_OK = 0,
	WIRE_TRUNCATED,			  /* the data end inside a message */
	WIRE_VARINT_OVERFLOW,	  /* a varint of more than 64 bits */
	WIRE_STRING_TOO_LONG,	  /* a string over WIRE_MAX_STRING_BYTES */
	WIRE_HEADER_MISPLACED,	  /* a batch header that is not the first message */
	WIRE_VERSION_UNSUPPORTED, /* a header version that no tracker sends */
	WIRE_UNKNOWN_UNSIZED	  /* an unknown type where nothing tells its length */
} WireError;

typedef struct WireString
{
	const char *data; /* not NUL-terminated; may hold NUL and invalid UTF-8 */
	uint32_t len;	  /* bytes */
} WireString;

typedef union WireValue
{
	bool b;
	uint64_t u;
	int64_t i;
	WireString s;
} WireValue;

typedef struct WireField
{
	const char *name; /* as in the catalogue, e.g. "NavigationStart" */
	WireKind kind;
} WireField;

/* Where a message type goes; catalogue columns of the same names. */
#define WIRE_FROM_TRACKER 0x01 /* a stock tracker sends it */
#define WIRE_IN_DOM_FILE 0x02  /* belongs into the DOM recording file */
#define WIRE_IN_DEVTOOLS 0x04  /* belongs into the devtools recording file */

typedef struct WireType
{
	const char *name;		 /* e.g. "MouseClick"; NULL: not a known type */
	const WireField *fields; /* in wire order */
	uint8_t nfields;
	uint8_t id;
	uint8_t flags; /* WIRE_FROM_TRACKER ... */
	WirePlatform platform;
} WireType;

/* The catalogue entry of a type id, NULL when unknown. */
extern const WireType *wire_type(unsigned id);

/* clang-format off */
/* Message ids: MSG_MouseClick = 68 ... */
enum
{
#define FIELD(message, kind, name)
#define MESSAGE(id, platform, name, flags, fields) MSG_##name = id,
#include "messages.list.h"
#undef MESSAGE
#undef FIELD
};

/* Positions of fields in WireValue arrays: MouseClick_Label = 2 ... */
#define FIELD(message, kind, name) message##_##name,
#define MESSAGE(id, platform, name, flags, fields) enum { fields name##_FIELDS };
#include "messages.list.h"
#undef MESSAGE
#undef FIELD
/* clang-format on */

/* The first message of a batch.  Mobile batches fill first_index and timestamp only. */
typedef struct WireHeader
{
	bool present;	  /* false: a body without header (server-made messages) */
	uint8_t type;	  /* MSG_BatchMetadata, MSG_BatchMeta or MSG_MobileBatchMeta */
	uint32_t version; /* 1 everything in one stream; 2 player, 3 assets, 4 devtools, 5 analytics; 0 unsized */
	uint64_t page_no;
	uint64_t first_index;
	int64_t timestamp;	 /* ms */
	WireString location; /* URL of the page when the batch was opened */
	WireString tab;		 /* of the TabData at the head of the batch, else of its first TabData; empty if none */
} WireHeader;

/*
 * One message and its context.  type is what the message means now (legacy forms are mapped to their successors),
 * wire_type what was sent; body is a slice of the batch holding the fields.
 */
typedef struct WireMessage
{
	uint8_t type; /* canonical */
	uint8_t wire_type;
	const uint8_t *body;
	uint32_t body_len;
	uint64_t index;	   /* PageNo * 2^32 + FirstIndex + n, n counted from the header */
	int64_t timestamp; /* ms; of the last time-bearing message, on mobile the message's own */
	WireString url;	   /* current page */
	WireString title;  /* its title when this batch told it, else empty */
	WireString tab;	   /* of the last TabData, before any the header's tab */
} WireMessage;

/* Iteration over one batch; treat the fields after "header" as private. */
typedef struct WireBatch
{
	WireHeader header;
	WireError error;	 /* why iteration stopped early, WIRE_OK at a regular end */
	size_t error_offset; /* byte at which the offending message starts */
	uint32_t unknown;	 /* messages of unknown type skipped so far */

	const uint8_t *data;
	size_t len;
	size_t pos;
	WirePlatform platform;
	bool sized;
	bool started;
	uint64_t index;
	int64_t timestamp;
	WireString url;
	WireString title;
	WireString tab;
} WireBatch;

/*
 * Opens a batch and reads its header (and the tab of its head).  Returns WIRE_OK or why nothing of it can be read.
 * An empty body is a batch without messages.  remembered_url is the session's last page, used by pre-2021 headers (type
 * 80) that carry none; it may be empty.
 */
extern WireError wire_batch_open(WireBatch *batch, const void *data, size_t len, WirePlatform platform,
								 WireString remembered_url);

/*
 * Moves to the next message, header included.  Unknown types in sized batches are passed over (they take an index).
 * Returns false at the end and at the first fault; batch->error tells which, and all messages before a fault have been
 * returned.
 */
extern bool wire_batch_next(WireBatch *batch, WireMessage *message);

/*
 * Decodes the fields as they were sent (wire_type's fields) or as the canonical type's fields.  Missing trailing fields
 * are 0, "" or false; extra bytes are ignored.  values must hold WIRE_MAX_FIELDS.  On error the fields before it are
 * filled.
 */
extern WireError wire_decode_sent(const WireMessage *message, WireValue *values);
extern WireError wire_decode(const WireMessage *message, WireValue *values);

/* English, for logs and SQL: "data end inside a message". */
extern const char *wire_error_text(WireError error);

/* ---- encoding ---- */

/* Writes into a buffer of the caller's; a full buffer sets overflow and drops the write, so check once at the end. */
typedef struct WireWriter
{
	uint8_t *data;
	size_t size;
	size_t len;
	bool overflow;
} WireWriter;

extern void wire_put_bytes(WireWriter *writer, const void *data, size_t len);
extern void wire_put_uint(WireWriter *writer, uint64_t value);
extern void wire_put_int(WireWriter *writer, int64_t value);
extern void wire_put_string(WireWriter *writer, WireString value);

/* Type byte, three size bytes when sized (headers never are), then the fields of that type in wire order. */
extern void wire_put_message(WireWriter *writer, unsigned type, const WireValue *values, bool sized);

static inline WireString
wire_string(const char *data, size_t len)
{
	return (WireString){data, (uint32_t) len};
}

#endif /* OPENREPLAY_WIRE_H */
