/*
 * mail.c - a message to one receiver, as mail servers take it
 */
#include "uploader/mail.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES 57 /* become 76 characters, RFC 2045's most */
#define SUBJECT_SIZE 1024
#define WORD_BYTES 42 /* of an encoded word, which has 75 characters with what is around it, RFC 2047's most */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void
put_base64(Buffer *message, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 3)
	{
		size_t left = len - i;
		unsigned group = (unsigned) bytes[i] << 16 | (left > 1 ? (unsigned) bytes[i + 1] << 8 : 0) |
						 (left > 2 ? (unsigned) bytes[i + 2] : 0);
		char quad[4] = {base64_digits[group >> 18], base64_digits[group >> 12 & 63],
						left > 1 ? base64_digits[group >> 6 & 63] : '=', left > 2 ? base64_digits[group & 63] : '='};

		put_bytes(message, quad, sizeof(quad));
	}
}

/* Words of whole UTF-8 characters, each on a line of its own. */
static void
put_encoded_words(Buffer *message, const char *text)
{
	size_t len = strlen(text);
	size_t at = 0;

	do
	{
		size_t end = len - at > WORD_BYTES ? at + WORD_BYTES : len;

		while (end < len && end > at + 1 && ((unsigned char) text[end] & 0xc0) == 0x80)
			end--;
		put_text(message, at == 0 ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
		put_base64(message, (const unsigned char *) text + at, end - at);
		put_text(message, "?=");
		at = end;
	} while (at < len);
}

static void
put_part(Buffer *message, const char *type, const char *text)
{
	size_t len = strlen(text);

	put_format(message, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", type);
	for (size_t at = 0; at < len; at += LINE_BYTES)
	{
		put_base64(message, (const unsigned char *) text + at, len - at > LINE_BYTES ? LINE_BYTES : len - at);
		put_text(message, "\r\n");
	}
}

bool
read_mail_address(const char *text, char address[MAIL_ADDRESS_SIZE])
{
	const char *open = strrchr(text, '<');
	size_t len = strlen(text);
	const char *at;

	if (open != NULL)
	{
		if (text[len - 1] != '>')
			return false;
		text = open + 1;
		len = strlen(text) - 1;
	}
	if (len == 0 || len >= MAIL_ADDRESS_SIZE)
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (address[i] <= ' ' || address[i] > '~' || strchr("<>()[],;:\\\"", address[i]) != NULL)
			return false;
	at = strchr(address, '@');
	return at != NULL && at != address && at[1] != '\0' && strchr(at + 1, '@') == NULL && address[0] != '-';
}

/* The name in "Name<address>", without blanks around it; len 0 when there is none. */
static void
find_name(const char *text, const char **name, size_t *len)
{
	const char *open = strrchr(text, '<');

	while (open != NULL && isspace((unsigned char) *text))
		text++;
	*name = text;
	*len = open != NULL && open > text ? (size_t) (open - text) : 0;
	while (*len > 0 && isspace((unsigned char) text[*len - 1]))
		(*len)--;
}

static void
put_from(Buffer *message, const char *from, const char *address)
{
	char name[256];
	const char *start;
	size_t len;

	find_name(from, &start, &len);
	put_text(message, "From: ");
	if (len > 0 && len < sizeof(name))
	{
		memcpy(name, start, len);
		name[len] = '\0';
		put_encoded_words(message, name);
		put_text(message, "\r\n ");
	}
	put_format(message, "<%s>\r\n", address);
}

static void
put_date(Buffer *message, int64_t date_s)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
									 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t) date_s;
	struct tm date;

	gmtime_r(&seconds, &date);
	/* not strftime(), which speaks the environment's language */
	put_format(message, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[date.tm_wday], date.tm_mday,
			   months[date.tm_mon], date.tm_year + 1900, date.tm_hour, date.tm_min, date.tm_sec);
}

static void
put_message_id(Buffer *message, const char *key, const char *from)
{
	put_text(message, "Message-ID: <");
	for (const char *pos = key; *pos != '\0' && pos - key < 200; pos++)
		put_bytes(message, isalnum((unsigned char) *pos) || *pos == '-' ? pos : "-", 1);
	put_format(message, "%s>\r\n", strchr(from, '@'));
}

/* Cut to what fits, without half a character at its end, and without control characters. */
static void
put_subject(Buffer *message, const char *text)
{
	char subject[SUBJECT_SIZE];
	size_t len = strlen(text);

	if (len >= sizeof(subject))
		for (len = sizeof(subject) - 1; len > 0 && ((unsigned char) text[len] & 0xc0) == 0x80;)
			len--;
	for (size_t i = 0; i < len; i++)
		subject[i] = (unsigned char) text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
	subject[len] = '\0';
	put_text(message, "Subject: ");
	put_encoded_words(message, subject);
	put_text(message, "\r\n");
}

bool
compose_mail(const Mail *mail, Buffer *message)
{
	/* a line that base64 cannot make */
	static const char boundary[] = "=_openreplay_part";
	char from[MAIL_ADDRESS_SIZE];
	char to[MAIL_ADDRESS_SIZE];

	if (!read_mail_address(mail->from, from) || strchr(mail->to, '<') != NULL || !read_mail_address(mail->to, to))
		return false;
	put_date(message, mail->date_s);
	put_from(message, mail->from, from);
	put_format(message, "To: <%s>\r\n", to);
	put_subject(message, mail->subject);
	put_message_id(message, mail->key, from);
	put_text(message, "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n");
	if (mail->html == NULL)
		put_part(message, "text/plain", mail->plain);
	else
	{
		put_format(message, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary);
		put_part(message, "text/plain", mail->plain);
		put_format(message, "\r\n--%s\r\n", boundary);
		put_part(message, "text/html", mail->html);
		put_format(message, "\r\n--%s--\r\n", boundary);
	}
	return !message->failed;
}
