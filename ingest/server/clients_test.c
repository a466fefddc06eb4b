/*
 * clients_test.c - that one client's wishes end somewhere, and nobody else's with them
 */
#include "server/clients.c"

#include "check.h"

static Clients *clients;

static Client *
hold(unsigned network, unsigned host, int64_t now_ms)
{
	Address address = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, (uint8_t) (network >> 8), (uint8_t) network, (uint8_t) host}};

	return hold_client(clients, &address, now_ms);
}

static Client *
hold_ipv6(uint8_t subnet, uint8_t host)
{
	Address address = {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, subnet, 0, 0, 0, 0, 0, 0, 0, host}};

	return hold_client(clients, &address, 1);
}

static void
test_identity(void)
{
	Client *one = hold(1, 1, 1000);
	Client *other = hold(1, 2, 1000);
	Client *home = hold_ipv6(1, 1);
	Client *same_home = hold_ipv6(1, 99);
	Client *next_door = hold_ipv6(2, 1);
	Client *again = hold(1, 1, 2000);

	CHECK(one != NULL && one != other && one == again);
	CHECK(home == same_home && home != next_door);
	release_client(clients, one);
	CHECK(hold(1, 1, 3000) == again);
	for (int i = 0; i < 2; i++)
		release_client(clients, again);
	for (int i = 0; i < 2; i++)
		release_client(clients, home);
	release_client(clients, next_door);
	release_client(clients, other);
}

static void
test_connections(void)
{
	Client *one = hold(2, 1, 1000);
	Client *other = hold(2, 2, 1000);

	for (int i = 0; i < 3; i++)
		CHECK(take_connection(clients, one));
	CHECK(!take_connection(clients, one));
	CHECK(take_connection(clients, other));
	give_connection(clients, one);
	CHECK(take_connection(clients, one));
	CHECK(!take_connection(clients, one));
	for (int i = 0; i < 3; i++)
		give_connection(clients, one);
	give_connection(clients, other);
	release_client(clients, one);
	release_client(clients, other);
	CHECK(take_connection(clients, NULL));
	give_connection(clients, NULL);
}

static int
ask(Client *client, int times, int64_t now_ms)
{
	int taken = 0;

	for (int i = 0; i < times; i++)
		taken += take_request(clients, client, now_ms);
	return taken;
}

static void
test_requests(void)
{
	Client *one = hold(3, 1, 1000);
	Client *other = hold(3, 2, 1000);

	CHECK_INT(ask(one, 200, 1000), 10 * CLIENT_BURST_S);
	CHECK_INT(ask(one, 10, 1050), 0);
	CHECK_INT(ask(one, 10, 1100), 1);
	CHECK_INT(ask(one, 10, 900), 0); /* a time before the last brings nothing */
	CHECK_INT(ask(one, 10, 1600), 5);
	CHECK_INT(ask(other, 20, 1600), 20);
	CHECK_INT(ask(one, 200, 1000000), 10 * CLIENT_BURST_S); /* no more than that, however long the silence */
	CHECK_INT(ask(NULL, 1000, 1000), 1000);
	release_client(clients, one);
	release_client(clients, other);
}

static void
test_memory(void)
{
	Client *one = hold(4, 1, 1000);
	Client *other = hold(4, 2, 1000);

	CHECK(take_client_memory(clients, one, 600));
	CHECK(take_client_memory(clients, one, 400));
	CHECK(!take_client_memory(clients, one, 1));
	CHECK(!take_client_memory(clients, other, SIZE_MAX));
	CHECK(take_client_memory(clients, other, 1000));
	give_client_memory(clients, one, 400);
	CHECK(take_client_memory(clients, one, 399));
	give_client_memory(clients, one, 999);
	give_client_memory(clients, other, 1000);
	release_client(clients, one);
	release_client(clients, other);
}

/* Far more than the table holds: who is held stays, the rest comes and goes. */
static void
test_many(void)
{
	Client *held = hold(5, 1, 1000);
	Client *more[2 * SETS * WAYS];
	int refused = 0;

	CHECK(take_connection(clients, held));
	for (unsigned i = 0; i < 5 * SETS * WAYS; i++)
		release_client(clients, hold(1000 + i / 256, i % 256, 2000 + i));
	CHECK_INT(held->connections, 1);
	CHECK(hold(5, 1, 1000000) == held);

	for (unsigned i = 0; i < 2 * SETS * WAYS; i++)
	{
		more[i] = hold(2000 + i / 256, i % 256, 2000000);
		refused += more[i] == NULL;
	}
	CHECK(refused >= SETS * WAYS && refused < 2 * SETS * WAYS);
	for (unsigned i = 0; i < 2 * SETS * WAYS; i++)
		release_client(clients, more[i]);
	give_connection(clients, held);
	release_client(clients, held);
	release_client(clients, held);
}

static void
test_new_limits(void)
{
	Client *one = hold(6, 1, 1000);

	for (int i = 0; i < 3; i++)
		CHECK(take_connection(clients, one));
	set_client_limits(clients, &(ClientLimits){.connections = 2, .requests_per_s = 1});
	CHECK(!take_connection(clients, one));
	CHECK_INT(ask(one, 100, 2000), CLIENT_BURST_S);
	set_client_limits(clients, &(ClientLimits){0});
	CHECK(take_connection(clients, one));
	CHECK_INT(ask(one, 1000, 2000), 1000);
	CHECK(take_client_memory(clients, one, SIZE_MAX / 2));
	give_client_memory(clients, one, SIZE_MAX / 2);
	for (int i = 0; i < 4; i++)
		give_connection(clients, one);
	release_client(clients, one);
}

int
main(void)
{
	clients = open_clients(&(ClientLimits){.connections = 3, .requests_per_s = 10, .memory = 1000});
	CHECK(clients != NULL);
	test_identity();
	test_connections();
	test_requests();
	test_memory();
	test_many();
	test_new_limits();
	close_clients(clients);
	return check_summary("clients");
}
