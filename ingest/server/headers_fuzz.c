/*
 * headers_fuzz.c - libFuzzer target: what a client sends before its body
 *
 * Request lines and forwarded addresses.  Besides memory errors: an address has one meaning, and nobody who is no
 * trusted proxy is ever believed.
 */
#include "server/client.h"
#include "server/paths.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static void
fuzz_path(const char *text)
{
	char path[CLEAN_PATH_SIZE];
	char parameter[PATH_PARAMETER_SIZE];

	require(find_split(text) >= -1);
	if (!clean_path(text, path))
		return;
	require(strlen(path) < sizeof(path) && strstr(path, "//") == NULL);
	match_path("/v1/web/i", path, parameter);
	if (match_path("/v1/web/conditions/*", path, parameter))
		require(strlen(parameter) < sizeof(parameter) && read_parameter(parameter) >= 0);
}

static void
fuzz_address(const char *text)
{
	struct sockaddr_storage socket_address;
	char shown[INET6_ADDRSTRLEN];
	Address address;
	Address again;

	if (!parse_address(text, strlen(text), &address))
		return;
	socket_of_address(&address, &socket_address);
	require(address_of_socket((struct sockaddr *) &socket_address, &again));
	require(memcmp(&address, &again, sizeof(address)) == 0);
	inet_ntop(AF_INET6, address.bytes, shown, sizeof(shown));
	require(parse_address(shown, strlen(shown), &again) && memcmp(&address, &again, sizeof(address)) == 0);
}

static void
fuzz_proxies(const char *text)
{
	static TrustedProxies proxies;
	char error[256] = "";

	if (read_trusted_proxies(text, &proxies, error, sizeof(error)))
		require(proxies.count <= TRUSTED_RANGES_MAX);
	else
		require(error[0] != '\0');
}

/* The text, cut at its line ends, as the lines of a header. */
static void
fuzz_client(char *text)
{
	static TrustedProxies proxies;
	const char *lines[FORWARDED_MAX];
	char error[256];
	Address ours;
	Address stranger;
	Address client;
	size_t count = 0;

	read_trusted_proxies("127.0.0.1 10.0.0.0/8 fd00::/8", &proxies, error, sizeof(error));
	parse_address("127.0.0.1", 9, &ours);
	parse_address("198.51.100.7", 12, &stranger);
	for (char *line = strtok(text, "\n"); line != NULL && count < FORWARDED_MAX; line = strtok(NULL, "\n"))
		lines[count++] = line;

	client = find_client(&proxies, &stranger, lines, count, count > 0 ? lines[0] : NULL);
	require(memcmp(&client, &stranger, sizeof(client)) == 0);
	/* the last public one, whatever stands in the lines before it */
	client = find_client(&proxies, &ours, lines, count, NULL);
	require(is_private(&client) || count > 0);
	if (count > 1)
	{
		Address of_rest = find_client(&proxies, &ours, lines + 1, count - 1, NULL);

		require(is_private(&of_rest) || memcmp(&of_rest, &client, sizeof(client)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_path(text);
	fuzz_address(text);
	fuzz_proxies(text);
	fuzz_client(text);
	free(text);
	return 0;
}
