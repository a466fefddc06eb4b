/*
 * relay.c - a stretch of network that can fail
 *
 * Passes TCP connections on from a loopback port to another one and does to them what networks do, by the words on its
 * standard input, one a line:
 *   pass     everything is forwarded and new connections are welcome, as in the beginning
 *   freeze   nothing is forwarded; who connects hangs
 *   swallow  what clients send is forwarded, no answer comes back: a commit may happen and nobody hears of it
 *   cut      every connection ends with RST on both sides, whatever was under way
 *   refuse   the same, and new connections are refused
 * It ends with its input.
 */
#include "replay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LINKS 64
#define HELD_BYTES 65536
#define WORD_BYTES 64

/* One direction: what was read from one side and not yet taken by the other. */
typedef struct Flow
{
	size_t first;
	size_t len;
	bool ended; /* nothing more will be read */
	uint8_t held[HELD_BYTES];
} Flow;

typedef struct Link
{
	int fds[2];	   /* client, server */
	Flow flows[2]; /* [0] from the client, [1] from the server */
} Link;

typedef struct Relay
{
	int listen_port;
	int target_port;
	int listener; /* -1: refusing */
	bool frozen;
	bool swallowing;
	Link *links[MAX_LINKS];
	int nlinks;
	char word[WORD_BYTES];
	size_t word_len;
} Relay;

static struct sockaddr_in
loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void
start_listening(Relay *relay)
{
	struct sockaddr_in address = loopback(relay->listen_port);
	int yes = 1;

	if (relay->listener >= 0)
		return;
	relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(relay->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (relay->listener < 0 || bind(relay->listener, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(relay->listener, MAX_LINKS) != 0)
		fail("relay: port %d: %s", relay->listen_port, strerror(errno));
}

static void
reset_socket(int fd)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void
cut_link(Relay *relay, int n)
{
	Link *link = relay->links[n];

	reset_socket(link->fds[0]);
	reset_socket(link->fds[1]);
	free(link);
	relay->links[n] = relay->links[--relay->nlinks];
}

static void
open_link(Relay *relay)
{
	struct sockaddr_in target = loopback(relay->target_port);
	int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;

	if (client < 0 || server < 0 || relay->nlinks == MAX_LINKS ||
		connect(server, (struct sockaddr *) &target, sizeof(target)) != 0)
	{
		reset_socket(client);
		reset_socket(server);
		return;
	}
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	relay->links[relay->nlinks] = need(calloc(1, sizeof(Link)));
	relay->links[relay->nlinks]->fds[0] = client;
	relay->links[relay->nlinks]->fds[1] = server;
	relay->nlinks++;
}

/* ---- words ---- */

static void
obey(Relay *relay, const char *word)
{
	bool refuse = strcmp(word, "refuse") == 0;

	if (strcmp(word, "pass") != 0 && strcmp(word, "freeze") != 0 && strcmp(word, "swallow") != 0 &&
		strcmp(word, "cut") != 0 && !refuse)
		fail("relay: what is \"%s\"?", word);
	relay->frozen = strcmp(word, "freeze") == 0;
	relay->swallowing = strcmp(word, "swallow") == 0;
	if (refuse && relay->listener >= 0)
	{
		close(relay->listener);
		relay->listener = -1;
	}
	if (refuse || strcmp(word, "cut") == 0)
	{
		while (relay->nlinks > 0)
			cut_link(relay, 0);
	}
	if (!refuse)
		start_listening(relay);
}

/* False at the end of the input. */
static bool
read_words(Relay *relay)
{
	char bytes[WORD_BYTES];
	ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < len; i++)
	{
		if (bytes[i] == '\n')
		{
			relay->word[relay->word_len] = '\0';
			obey(relay, relay->word);
			relay->word_len = 0;
		}
		else if (relay->word_len < WORD_BYTES - 1)
			relay->word[relay->word_len++] = bytes[i];
	}
	return len > 0 || (len < 0 && errno == EINTR);
}

/* ---- bytes ---- */

static bool
is_held(const Relay *relay, int direction)
{
	return relay->frozen || (relay->swallowing && direction == 1);
}

/* What poll() shall tell of one side: something to read for its flow, room for the other side's. */
static short
wanted(const Relay *relay, const Link *link, int side)
{
	const Flow *out = &link->flows[side];
	const Flow *in = &link->flows[1 - side];
	short events = 0;

	if (!is_held(relay, side) && out->len == 0 && !out->ended)
		events |= POLLIN;
	if (!is_held(relay, 1 - side) && in->len > 0)
		events |= POLLOUT;
	return events;
}

/* False when the connection is broken. */
static bool
read_side(Link *link, int side)
{
	Flow *flow = &link->flows[side];
	ssize_t len = recv(link->fds[side], flow->held, HELD_BYTES, MSG_DONTWAIT);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	flow->first = 0;
	flow->len = (size_t) len;
	if (len == 0)
	{
		flow->ended = true;
		shutdown(link->fds[1 - side], SHUT_WR);
	}
	return true;
}

static bool
write_side(Link *link, int side)
{
	Flow *flow = &link->flows[1 - side];
	ssize_t len = send(link->fds[side], flow->held + flow->first, flow->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	flow->first += (size_t) len;
	flow->len -= (size_t) len;
	return true;
}

static bool
serve_side(Link *link, int side, short happened)
{
	if (happened & POLLOUT && !write_side(link, side))
		return false;
	if (happened & POLLIN && !read_side(link, side))
		return false;
	return !(happened & POLLERR) && !(link->flows[0].ended && link->flows[1].ended);
}

int
relay(int listen_port, int target_port)
{
	Relay relay = {.listen_port = listen_port, .target_port = target_port, .listener = -1};

	start_listening(&relay);
	for (;;)
	{
		struct pollfd polled[2 + 2 * MAX_LINKS] = {{.fd = STDIN_FILENO, .events = POLLIN},
												   {.fd = relay.frozen ? -1 : relay.listener, .events = POLLIN}};
		int nlinks = relay.nlinks;

		/* A negative descriptor is passed over: poll() would tell of errors unasked, and a frozen network tells
		 * nothing. */
		for (int i = 0; i < nlinks; i++)
		{
			for (int side = 0; side < 2; side++)
			{
				short events = wanted(&relay, relay.links[i], side);

				polled[2 + 2 * i + side] =
					(struct pollfd){.fd = events ? relay.links[i]->fds[side] : -1, .events = events};
			}
		}
		if (poll(polled, (nfds_t) (2 + 2 * nlinks), -1) < 0 && errno != EINTR)
			fail("relay: poll: %s", strerror(errno));
		/* From the last: the place of a link that ends is taken by a later one, which was served already. */
		for (int i = nlinks - 1; i >= 0; i--)
		{
			if (!serve_side(relay.links[i], 0, polled[2 + 2 * i].revents) ||
				!serve_side(relay.links[i], 1, polled[3 + 2 * i].revents))
				cut_link(&relay, i);
		}
		if (polled[1].revents)
			open_link(&relay);
		if (polled[0].revents && !read_words(&relay))
			return 0;
	}
}
