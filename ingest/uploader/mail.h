/*
 * mail.h - a message to one receiver, as mail servers take it
 *
 * Nothing that comes from data can become a header: addresses are looked at character by character, the subject is
 * encoded always, the bodies too.
 */
#ifndef OPENREPLAY_MAIL_H
#define OPENREPLAY_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buffer.h"

#define MAIL_ADDRESS_SIZE 321 /* 64 @ 255, RFC 5321 */

typedef struct Mail
{
	const char *from; /* an address, or Name<address> */
	const char *to;	  /* an address */
	const char *subject;
	const char *plain;
	const char *html; /* may be NULL */
	const char *key;  /* becomes the Message-ID: the same message sent again has the same */
	int64_t date_s;	  /* since 1970 */
} Mail;

/* The address of "Name<address>" or "address" into address; false when it is none that can be mailed to. */
extern bool read_mail_address(const char *text, char address[MAIL_ADDRESS_SIZE]);

/*
 * The whole message with its headers, lines ended by CR LF; dots at their beginnings are libcurl's to double.  False
 * when an address is none, or memory is out.
 */
extern bool compose_mail(const Mail *mail, Buffer *message);

#endif /* OPENREPLAY_MAIL_H */
