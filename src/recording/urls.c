/*
 * urls.c - signed URLs of stored objects
 *
 * The secret is in a file that the server reads when it is needed: never in a setting, a table, a dump or a log.
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "fmgr.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "assets/sign.h"
#include "openreplay.h"

#define SECRET_SIZE 256
#define URL_SIZE 8192
#define PG_EPOCH_S INT64CONST(946684800)

PG_FUNCTION_INFO_V1(openreplay_sign_url);

/* The first line of the file. */
static void
read_secret(char secret[SECRET_SIZE])
{
	int fd = OpenTransientFile(openreplay_storage_secret_file, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : read(fd, secret, SECRET_SIZE - 1);

	if (len < 0)
		ereport(ERROR, errcode_for_file_access(),
				errmsg("cannot read the storage's secret from \"%s\": %m", openreplay_storage_secret_file),
				errhint("openreplay.storage_secret_file names a file whose first line is the secret access key."));
	CloseTransientFile(fd);
	secret[len] = '\0';
	secret[strcspn(secret, "\r\n")] = '\0';
}

static int64
seconds_of(const Interval *interval)
{
	return (interval->time + (interval->day + interval->month * INT64CONST(30)) * USECS_PER_DAY) / USECS_PER_SEC;
}

Datum
openreplay_sign_url(PG_FUNCTION_ARGS)
{
	char *method = text_to_cstring(PG_GETARG_TEXT_PP(0));
	text *object = PG_GETARG_TEXT_PP(1);
	int64 valid_s = seconds_of(PG_GETARG_INTERVAL_P(2));
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(3);
	char secret[SECRET_SIZE];
	StorageKey key = {
		.bucket_url = openreplay_storage_url,
		.region = openreplay_storage_region,
		.access_key_id = openreplay_storage_access_key_id,
		.secret_access_key = secret,
	};
	char *url = palloc(URL_SIZE);
	WireWriter out = {.data = (uint8_t *) url, .size = URL_SIZE};
	bool signed_;

	if (strcmp(method, "GET") != 0 && strcmp(method, "PUT") != 0 && strcmp(method, "HEAD") != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("method cannot be \"%s\"", method),
				errhint("It is GET, PUT or HEAD."));
	if (valid_s < 1 || valid_s > SIGNED_URL_MAX_S)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a signed URL is valid for a second to seven days"));
	if (openreplay_storage_url[0] == '\0' || openreplay_storage_access_key_id[0] == '\0' ||
		openreplay_storage_secret_file[0] == '\0')
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("no object storage is set whose URLs could be signed"),
			errhint(
				"Set openreplay.storage_url, openreplay.storage_access_key_id and openreplay.storage_secret_file."));
	read_secret(secret);
	signed_ = sign_url(&key, method, wire_string(VARDATA_ANY(object), VARSIZE_ANY_EXHDR(object)),
					   at / USECS_PER_SEC + PG_EPOCH_S, (unsigned) valid_s, &out);
	explicit_bzero(secret, sizeof(secret));
	if (!signed_)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("openreplay.storage_url or the key is none that can be signed"),
				errhint("The setting is the bucket's URL, for example https://storage.example.com/mobs."));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(url, (int) out.len));
}
