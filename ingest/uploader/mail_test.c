/*
 * mail_test.c - a mail is what it was meant to be, whatever its texts hold
 */
#include "uploader/mail.c"

#include <stdlib.h>

#include "check.h"

static Buffer message;

static bool
compose(const char *from, const char *to, const char *subject, const char *plain, const char *html, const char *key)
{
	Mail mail = {
		.from = from, .to = to, .subject = subject, .plain = plain, .html = html, .key = key, .date_s = 1731000300};

	free_buffer(&message);
	init_buffer(&message, 1 << 20);
	return compose_mail(&mail, &message);
}

static int
count(const char *needle)
{
	int n = 0;

	for (const char *pos = message.data; (pos = strstr(pos, needle)) != NULL; pos++)
		n++;
	return n;
}

static const char *
address_of(const char *text)
{
	static char address[MAIL_ADDRESS_SIZE];

	return read_mail_address(text, address) ? address : "";
}

static void
test_addresses(void)
{
	char at_limit[400];

	CHECK_TEXT(address_of("mara@alderpine.example"), "mara@alderpine.example");
	CHECK_TEXT(address_of("OpenReplay<do-not-reply@replay.example>"), "do-not-reply@replay.example");
	CHECK_TEXT(address_of("A <b> <c@d.example>"), "c@d.example");
	CHECK_TEXT(address_of("o'neil+tag@x.example"), "o'neil+tag@x.example");
	CHECK_TEXT(address_of(""), "");
	CHECK_TEXT(address_of("mara"), "");
	CHECK_TEXT(address_of("@x"), "");
	CHECK_TEXT(address_of("mara@"), "");
	CHECK_TEXT(address_of("a@b@c"), "");
	CHECK_TEXT(address_of("a@b\r\nBcc: c@d"), "");
	CHECK_TEXT(address_of("a@b>\r\nRCPT TO:<c@d"), "");
	CHECK_TEXT(address_of("<a@b"), "");
	CHECK_TEXT(address_of("a b@c"), "");
	CHECK_TEXT(address_of("a,b@c"), "");
	CHECK_TEXT(address_of("\"a\"@c"), "");
	CHECK_TEXT(address_of("m\xc3\xa4ra@c"), "");
	CHECK_TEXT(address_of("-oQ@c"), "");
	memset(at_limit, 'a', sizeof(at_limit));
	memcpy(at_limit + 64, "@", 1);
	at_limit[320] = '\0';
	CHECK_INT(strlen(address_of(at_limit)), 320);
	at_limit[320] = 'a';
	at_limit[321] = '\0';
	CHECK_TEXT(address_of(at_limit), "");
}

static void
test_whole(void)
{
	CHECK(compose("Open Replay <bot@replay.example>", "mara@alderpine.example", "Too many", "A\n.\nB", "<b>A</b>",
				  "alert-1-2-ab"));
	CHECK(strcmp(message.data, "Date: Thu, 07 Nov 2024 17:25:00 +0000\r\n"
							   "From: =?UTF-8?B?T3BlbiBSZXBsYXk=?=\r\n <bot@replay.example>\r\n"
							   "To: <mara@alderpine.example>\r\n"
							   "Subject: =?UTF-8?B?VG9vIG1hbnk=?=\r\n"
							   "Message-ID: <alert-1-2-ab@replay.example>\r\n"
							   "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n"
							   "Content-Type: multipart/alternative; boundary=\"=_openreplay_part\"\r\n\r\n"
							   "--=_openreplay_part\r\n"
							   "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
							   "QQouCkI=\r\n"
							   "\r\n--=_openreplay_part\r\n"
							   "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
							   "PGI+QTwvYj4=\r\n"
							   "\r\n--=_openreplay_part--\r\n") == 0);
	CHECK(compose("bot@replay.example", "mara@alderpine.example", "", "", NULL, ""));
	CHECK(strstr(message.data, "From: <bot@replay.example>\r\n") != NULL);
	CHECK(strstr(message.data, "Content-Type: text/plain; charset=utf-8\r\n") != NULL);
}

/* Whatever is in the texts, there are these headers and no others, and no line is longer than a mail's may be. */
static void
test_injection(void)
{
	static char text[100000];
	const char *line;
	const char *end;

	memset(text, 'x', sizeof(text) - 1);
	for (size_t i = 0; i + 20 < sizeof(text); i += 57)
		memcpy(text + i, "\r\nBcc: \xc3\xa4@b.example\r\n", 20);
	CHECK(compose("bot@replay.example", "mara@alderpine.example", text, text, text, "k\r\nBcc: a@b"));
	CHECK_INT(count("Bcc:"), 0);
	CHECK_INT(count("\r\nTo:"), 1);
	CHECK_INT(count("\r\nMessage-ID: <k--Bcc--a-b@replay.example>\r\n"), 1);
	for (line = message.data; (end = strstr(line, "\r\n")) != NULL; line = end + 2)
		CHECK(end - line <= 998 && memchr(line, '\n', (size_t) (end - line)) == NULL);
	CHECK(!compose("bot@replay.example", "a@b\r\nBcc: c@d", "s", "t", NULL, "k"));
	CHECK(!compose("bot@replay.example", "Mara <a@b>", "s", "t", NULL, "k"));
	CHECK(!compose("bot", "a@b", "s", "t", NULL, "k"));
}

/* Each encoded word stands by itself, so no character is in two of them. */
static void
test_words(void)
{
	char subject[400] = "x";

	for (int i = 0; i < 60; i++)
		strcat(subject, "\xe2\x82\xac");
	CHECK(compose("bot@replay.example", "mara@alderpine.example", subject, "t", NULL, "k"));
	CHECK_INT(count("=?UTF-8?B?"), 5);
	/* x and 13 signs of 3 bytes; then 14 */
	CHECK(strstr(message.data, "Subject: =?UTF-8?B?eOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrOKCrA==?=\r\n") !=
		  NULL);
	CHECK(strstr(message.data, "\r\n =?UTF-8?B?4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs?=\r\n") !=
		  NULL);
}

int
main(void)
{
	test_addresses();
	test_whole();
	test_injection();
	test_words();
	free_buffer(&message);
	return check_summary("mail");
}
