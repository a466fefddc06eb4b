/*
 * listen.c - a socket that servers listen on
 */
#include "common/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int
listen_on(const char *host, unsigned port, int backlog, unsigned *bound, char *error, size_t error_size)
{
	struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	struct addrinfo *addresses;
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char service[16];
	int on = 1;
	int result;
	int fd;

	snprintf(service, sizeof(service), "%u", port);
	result = getaddrinfo(host, service, &hints, &addresses);
	if (result != 0)
	{
		snprintf(error, error_size, "cannot listen on %s: %s", host, gai_strerror(result));
		return -1;
	}
	fd = socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(fd, addresses->ai_addr, addresses->ai_addrlen) != 0 || listen(fd, backlog) != 0 ||
		getsockname(fd, (struct sockaddr *) &address, &len) != 0)
	{
		snprintf(error, error_size, "cannot listen on %s port %s: %s", host, service, strerror(errno));
		freeaddrinfo(addresses);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	freeaddrinfo(addresses);
	getnameinfo((struct sockaddr *) &address, len, NULL, 0, service, sizeof(service), NI_NUMERICSERV);
	*bound = (unsigned) strtoul(service, NULL, 10);
	return fd;
}
