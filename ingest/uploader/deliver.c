/*
 * deliver.c - one message on its way: a POST to a hook, or a mail
 */
#include "uploader/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "uploader/mail.h"
#include "uploader/outside.h"

#define CONNECT_TIMEOUT_S 5
#define ANSWER_MAX 65536 /* headers and body; nobody reads them */
#define MAIL_MAX (8 << 20)
#define HEADER_MAX 65536

static void
fail(Outcome *outcome, bool permanent, const char *text)
{
	outcome->done = false;
	outcome->permanent = permanent;
	snprintf(outcome->error, sizeof(outcome->error), "%s", text);
}

/* ---- hooks ---- */

/* What exceeds the limit ends the transfer; what was answered before counts. */
static size_t
take_answer(char *data, size_t size, size_t count, void *argument)
{
	Delivery *delivery = argument;

	(void) data;
	delivery->answered += size * count;
	return delivery->answered > ANSWER_MAX ? 0 : size * count;
}

/* Adds "name: value"; false when value is no text for a header, or memory is out. */
static bool
add_header(Delivery *delivery, const char *name, const char *value)
{
	Buffer line;
	struct curl_slist *longer = NULL;

	for (const char *pos = value; *pos != '\0'; pos++)
		if (((unsigned char) *pos < ' ' && *pos != '\t') || *pos == 0x7f)
			return false;
	init_buffer(&line, HEADER_MAX);
	put_text(&line, name);
	put_text(&line, ": ");
	put_text(&line, value);
	if (!line.failed)
		longer = curl_slist_append(delivery->headers, line.data);
	free_buffer(&line);
	if (longer != NULL)
		delivery->headers = longer;
	return longer != NULL;
}

static bool
prepare_hook(Delivery *delivery, const Settings *settings, const Parcel *parcel, Outcome *outcome)
{
	CURL *curl = delivery->curl;
	struct curl_slist *longer;

	if (parcel->body == NULL || parcel->endpoint == NULL)
	{
		fail(outcome, true, "the message has no body, or the receiver no endpoint");
		return false;
	}
	if (!add_header(delivery, "Content-Type", "application/json") ||
		!add_header(delivery, "Idempotency-Key", parcel->key) ||
		(parcel->auth_header != NULL && parcel->auth_header[0] != '\0' &&
		 !add_header(delivery, "Authorization", parcel->auth_header)))
	{
		fail(outcome, false, "auth_header or the idempotency key is no text for a header");
		return false;
	}
	longer = curl_slist_append(delivery->headers, "Expect:");
	if (longer == NULL || curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, parcel->body) != CURLE_OK)
	{
		fail(outcome, false, "out of memory");
		return false;
	}
	delivery->headers = longer;
	curl_easy_setopt(curl, CURLOPT_URL, parcel->endpoint);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, delivery->headers);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "openreplay");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) settings->delivery_timeout_s);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, delivery);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_answer);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, delivery);
	if (!settings->allow_private_addresses)
		keep_outside(curl, &delivery->refused);
	return true;
}

/* curl's own words of a failure may quote the URL, so they are not used here. */
static void
judge_hook(Delivery *delivery, CURLcode result, Outcome *outcome)
{
	long status = 0;
	long os_error = 0;

	curl_easy_getinfo(delivery->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(delivery->curl, CURLINFO_OS_ERRNO, &os_error);
	outcome->done = status / 100 == 2 && (result == CURLE_OK || delivery->answered > ANSWER_MAX);
	if (outcome->done)
		return;
	if (delivery->refused)
		snprintf(outcome->error, sizeof(outcome->error),
				 "%s: its address is loopback, private or reserved, or its port another protocol's, which"
				 " ALLOW_PRIVATE_ADDRESSES does not allow",
				 delivery->receiver);
	else if (status >= 200)
		snprintf(outcome->error, sizeof(outcome->error), "%s answered %ld%s", delivery->receiver, status,
				 status / 100 == 3 ? ", and redirections are not followed" : "");
	else
		snprintf(outcome->error, sizeof(outcome->error), "no answer of %s: %s%s%s", delivery->receiver,
				 curl_easy_strerror(result), os_error != 0 ? ": " : "", os_error != 0 ? strerror((int) os_error) : "");
	/* it is this message that it does not want; waiting would hold up the next ones */
	outcome->permanent = status == 400 || status == 413 || status == 415 || status == 422;
}

/* ---- mail ---- */

static size_t
give_mail(char *data, size_t size, size_t count, void *argument)
{
	Delivery *delivery = argument;
	size_t room = size * count;
	size_t left = delivery->mail.len - delivery->mail_sent;
	size_t len = left < room ? left : room;

	memcpy(data, delivery->mail.data + delivery->mail_sent, len);
	delivery->mail_sent += len;
	return len;
}

static void
set_mail_server(CURL *curl, const Settings *settings)
{
	char url[512];
	bool is_ipv6 = strchr(settings->email_host, ':') != NULL;

	snprintf(url, sizeof(url), "%s://%s%s%s:%lld", settings->email_use_ssl ? "smtps" : "smtp", is_ipv6 ? "[" : "",
			 settings->email_host, is_ipv6 ? "]" : "", (long long) settings->email_port);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (settings->email_use_tls && !settings->email_use_ssl)
		curl_easy_setopt(curl, CURLOPT_USE_SSL, (long) CURLUSESSL_ALL);
	if (settings->email_use_ssl && settings->email_ssl_cert[0] != '\0')
	{
		curl_easy_setopt(curl, CURLOPT_SSLCERT, settings->email_ssl_cert);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, settings->email_ssl_key);
	}
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, settings->email_skip_ssl_validation ? 0L : 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, settings->email_skip_ssl_validation ? 0L : 2L);
	if (settings->email_user[0] != '\0' && settings->email_password[0] != '\0')
	{
		curl_easy_setopt(curl, CURLOPT_USERNAME, settings->email_user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, settings->email_password);
	}
}

static bool
prepare_mail(Delivery *delivery, const Settings *settings, const Parcel *parcel, Outcome *outcome)
{
	CURL *curl = delivery->curl;
	Mail mail = {
		.from = settings->email_from,
		.to = parcel->to,
		.subject = parcel->subject,
		.plain = parcel->plain,
		.html = parcel->html,
		.key = parcel->key,
		.date_s = wall_ms() / 1000,
	};
	char from[MAIL_ADDRESS_SIZE];

	if (settings->email_host[0] == '\0')
	{
		fail(outcome, true, "no mail server is set (EMAIL_HOST)");
		return false;
	}
	if (mail.to == NULL || mail.subject == NULL || mail.plain == NULL || !read_mail_address(mail.from, from) ||
		!compose_mail(&mail, &delivery->mail))
	{
		fail(outcome, true, "no mail can be made of it: it needs to, an address in ASCII, subject and text");
		return false;
	}
	delivery->recipients = curl_slist_append(NULL, mail.to);
	if (delivery->recipients == NULL)
	{
		fail(outcome, false, "out of memory");
		return false;
	}
	set_mail_server(curl, settings);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) settings->email_timeout_s);
	curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
	curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, delivery->recipients);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_mail);
	curl_easy_setopt(curl, CURLOPT_READDATA, delivery);
	return true;
}

static void
judge_mail(Delivery *delivery, CURLcode result, Outcome *outcome)
{
	long status = 0;

	outcome->done = result == CURLE_OK;
	if (outcome->done)
		return;
	curl_easy_getinfo(delivery->curl, CURLINFO_RESPONSE_CODE, &status);
	snprintf(outcome->error, sizeof(outcome->error), "%s: %s%s%s", delivery->receiver, curl_easy_strerror(result),
			 delivery->curl_error[0] != '\0' ? ": " : "", delivery->curl_error);
	/* there is no such mailbox; all else somebody can put right */
	outcome->permanent = status / 10 == 55 && strncmp(delivery->curl_error, "RCPT failed", 11) == 0;
}

/* ---- both ---- */

void
free_delivery(Delivery *delivery)
{
	if (delivery == NULL)
		return;
	curl_easy_cleanup(delivery->curl);
	curl_slist_free_all(delivery->headers);
	curl_slist_free_all(delivery->recipients);
	free_buffer(&delivery->mail);
	free(delivery);
}

Delivery *
make_delivery(const Settings *settings, const Parcel *parcel, Outcome *outcome)
{
	Delivery *delivery = calloc(1, sizeof(Delivery));

	*outcome = (Outcome){0};
	if (parcel->problem != NULL)
	{
		fail(outcome, true, parcel->problem);
		free(delivery);
		return NULL;
	}
	if (delivery == NULL || (delivery->curl = curl_easy_init()) == NULL)
	{
		fail(outcome, false, "out of memory");
		free(delivery);
		return NULL;
	}
	init_buffer(&delivery->mail, MAIL_MAX);
	snprintf(delivery->id, sizeof(delivery->id), "%s", parcel->id);
	snprintf(delivery->receiver, sizeof(delivery->receiver), "%s", parcel->receiver);
	delivery->is_mail = strcmp(parcel->kind, "email") == 0;
	curl_easy_setopt(delivery->curl, CURLOPT_PRIVATE, delivery);
	curl_easy_setopt(delivery->curl, CURLOPT_ERRORBUFFER, delivery->curl_error);
	curl_easy_setopt(delivery->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(delivery->curl, CURLOPT_CONNECTTIMEOUT, (long) CONNECT_TIMEOUT_S);
	if (delivery->is_mail ? prepare_mail(delivery, settings, parcel, outcome)
						  : prepare_hook(delivery, settings, parcel, outcome))
		return delivery;
	free_delivery(delivery);
	return NULL;
}

void
judge_delivery(Delivery *delivery, CURLcode result, Outcome *outcome)
{
	*outcome = (Outcome){0};
	if (delivery->is_mail)
		judge_mail(delivery, result, outcome);
	else
		judge_hook(delivery, result, outcome);
}
