/*
 * deliver.h - one message on its way: a POST to a hook, or a mail
 *
 * Made, given to a libcurl multi handle, judged, freed.  Errors name the receiver by its id or address and never what
 * is secret: a hook's URL, its Authorization header, a password.  Nothing that the receiver answers gets into them
 * but its status, as an answer may repeat what it was sent.
 */
#ifndef OPENREPLAY_DELIVER_H
#define OPENREPLAY_DELIVER_H

#include <curl/curl.h>

#include "common/buffer.h"
#include "uploader/settings.h"

/* What openreplay.claim_deliveries() gives; NULL is NULL there. */
typedef struct Parcel
{
	const char *id;
	const char *kind;
	const char *attempt;
	const char *receiver;
	const char *key;
	const char *problem;
	const char *endpoint;
	const char *auth_header;
	const char *body;
	const char *to;
	const char *subject;
	const char *plain;
	const char *html;
} Parcel;

typedef struct Outcome
{
	bool done;
	bool permanent; /* trying again is useless */
	char error[1024];
} Outcome;

typedef struct Delivery
{
	CURL *curl; /* its CURLINFO_PRIVATE is the delivery */
	char id[24];
	char receiver[304];
	bool is_mail;
	bool refused; /* an address inside */
	size_t answered;
	struct curl_slist *headers;
	struct curl_slist *recipients;
	Buffer mail;
	size_t mail_sent;
	char curl_error[CURL_ERROR_SIZE];
} Delivery;

/* NULL with outcome when it cannot even be tried. */
extern Delivery *make_delivery(const Settings *settings, const Parcel *parcel, Outcome *outcome);
extern void judge_delivery(Delivery *delivery, CURLcode result, Outcome *outcome);
extern void free_delivery(Delivery *delivery);

#endif /* OPENREPLAY_DELIVER_H */
