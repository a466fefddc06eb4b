/*
 * outside.h - addresses that others may have us connect to
 *
 * Where a URL comes from somebody who is no operator of this machine, it must not reach what only this machine, or its
 * network, can reach.  What is judged is the address that is about to be connected to: no name that resolves to one
 * address when it is looked at and to another when it is used gets past.
 */
#ifndef OPENREPLAY_OUTSIDE_H
#define OPENREPLAY_OUTSIDE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <sys/socket.h>

/* False for loopback, private, link-local, multicast and reserved addresses, also as IPv6 carries them. */
extern bool is_outside(const struct sockaddr *address);

/* False for ports of other protocols, to which no browser goes either: a request sent there may be a command. */
extern bool is_web_port(unsigned port);

/*
 * From here on curl connects to addresses outside only, and to ports of the web; *refused becomes true when it wanted
 * to go elsewhere, and must live as long as the transfer.  Proxies of the environment are not used, as they would
 * connect in our place.
 */
extern void keep_outside(CURL *curl, bool *refused);

#endif /* OPENREPLAY_OUTSIDE_H */
