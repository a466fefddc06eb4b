/*
 * geo_test.c - places, and databases that are absent, broken, cut short or replaced
 */
#include "server/client.c"
#include "server/geo.c"

#include <stdatomic.h>

#include "check.h"

static char dir[] = "/tmp/openreplay-geo-test-XXXXXX";
static char file[64];
static const char places[] = "data/geo/places.mmdb";

static const char *
place_of(Geo *geo, const char *text)
{
	static char shown[sizeof(Place) + 8];
	Address address;
	Place place;

	CHECK(parse_address(text, strlen(text), &address));
	find_place(geo, &address, &place);
	snprintf(shown, sizeof(shown), "%s|%s|%s", place.country, place.state, place.city);
	return shown;
}

/* Overwrites file in place, as cp does. */
static void
write_file(const void *data, size_t len)
{
	FILE *to = fopen(file, "w");

	CHECK(to != NULL && fwrite(data, 1, len, to) == len && fclose(to) == 0);
}

static size_t
read_file(const char *path, char *data, size_t size)
{
	FILE *from = fopen(path, "r");
	size_t len = from != NULL ? fread(data, 1, size, from) : 0;

	CHECK(from != NULL && fclose(from) == 0 && len > 0 && len < size);
	return len;
}

static void
test_places(void)
{
	Geo *geo = open_geo(places, dir);
	Address address;
	Place place;
	double built_s;

	CHECK_TEXT(place_of(geo, "192.0.2.1"), "NL|North Holland|Amsterdam");
	CHECK_TEXT(place_of(geo, "::ffff:192.0.2.1"), "NL|North Holland|Amsterdam");
	CHECK_TEXT(place_of(geo, "192.0.2.130"), "DE|Bavaria|N\xc3\xbcrnberg");
	CHECK_TEXT(place_of(geo, "192.0.2.200"), "FR||");
	CHECK_TEXT(place_of(geo, "192.0.2.225"), "UN||Nowhere");
	CHECK_TEXT(place_of(geo, "2001:db8:1::7"), "JP|Tokyo|Tokyo");
	CHECK_TEXT(place_of(geo, "203.0.113.1"), "UN||"); /* a record with nothing in it */
	CHECK_TEXT(place_of(geo, "8.8.8.8"), "UN||");
	CHECK_TEXT(place_of(geo, "127.0.0.1"), "UN||");
	CHECK_TEXT(place_of(geo, "2001:db8:2::7"), "UN||");
	CHECK_TEXT(place_of(geo, "198.51.100.1"), "ZZ|A state|A city"); /* whether that is a country the schema knows */

	CHECK(parse_address("198.51.100.200", 14, &address));
	find_place(geo, &address, &place);
	CHECK_TEXT(place.country, "UN");
	CHECK_INT(strlen(place.state), PLACE_NAME_CHARS);
	CHECK_INT(strlen(place.city), 2 * PLACE_NAME_CHARS);
	CHECK(geo_is_open(geo, &built_s) && built_s > 1.7e9);
	close_geo(geo);
}

static void
test_files(void)
{
	static char good[65536];
	static char bad[65536];
	size_t len = read_file(places, good, sizeof(good));
	double built_s;
	Geo *geo;

	for (int i = 0; i < 3; i++)
	{
		const char *const absent[] = {"", "/nowhere/places.mmdb", dir};

		geo = open_geo(absent[i], dir);
		CHECK_TEXT(place_of(geo, "192.0.2.1"), "UN||");
		CHECK(!geo_is_open(geo, &built_s));
		reopen_geo(geo, places);
		CHECK_TEXT(place_of(geo, "192.0.2.1"), "NL|North Holland|Amsterdam");
		close_geo(geo);
	}
	geo = open_geo(places, "/nowhere");
	CHECK_TEXT(place_of(geo, "192.0.2.1"), "UN||");
	close_geo(geo);

	write_file("", 0);
	geo = open_geo(file, dir);
	CHECK_TEXT(place_of(geo, "192.0.2.1"), "UN||");
	write_file("this is no database", 19);
	reopen_geo(geo, file);
	CHECK_TEXT(place_of(geo, "192.0.2.1"), "UN||");
	write_file(good, len);
	reopen_geo(geo, file);
	CHECK_TEXT(place_of(geo, "192.0.2.1"), "NL|North Holland|Amsterdam");

	/* cut short in place while it is in use, then unusable when read again: what was read before stays */
	write_file("", 0);
	CHECK_TEXT(place_of(geo, "192.0.2.1"), "NL|North Holland|Amsterdam");
	reopen_geo(geo, file);
	CHECK_TEXT(place_of(geo, "192.0.2.130"), "DE|Bavaria|N\xc3\xbcrnberg");
	CHECK(unlink(file) == 0);
	reopen_geo(geo, file);
	CHECK_TEXT(place_of(geo, "192.0.2.130"), "DE|Bavaria|N\xc3\xbcrnberg");
	/* no longer wanted */
	reopen_geo(geo, "");
	CHECK_TEXT(place_of(geo, "192.0.2.130"), "UN||");
	close_geo(geo);

	/* damaged anywhere: perhaps no place, never worse */
	for (size_t at = 0; at < len; at += 7)
	{
		memcpy(bad, good, len);
		for (size_t i = at; i < at + 7 && i < len; i++)
			bad[i] = (char) ~bad[i];
		write_file(bad, len);
		geo = open_geo(file, dir);
		CHECK(strlen(place_of(geo, "192.0.2.1")) >= 4 && strlen(place_of(geo, "2001:db8:1::7")) >= 4);
		close_geo(geo);
	}
}

typedef struct Readers
{
	Geo *geo;
	atomic_bool stop;
	atomic_int wrong;
} Readers;

static void *
read_places(void *argument)
{
	Readers *readers = argument;
	Address address;
	Place place;

	parse_address("192.0.2.1", 9, &address);
	while (!atomic_load(&readers->stop))
	{
		find_place(readers->geo, &address, &place);
		if (strcmp(place.city, "Amsterdam") != 0)
			atomic_fetch_add(&readers->wrong, 1);
	}
	return NULL;
}

static void
test_reopening_under_way(void)
{
	Readers readers = {.geo = open_geo(places, dir)};
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, read_places, &readers) == 0);
	for (int i = 0; i < 300; i++)
		reopen_geo(readers.geo, places);
	atomic_store(&readers.stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK_INT(readers.wrong, 0);
	close_geo(readers.geo);
}

int
main(void)
{
	set_log_level(LOG_ERROR);
	CHECK(mkdtemp(dir) != NULL);
	snprintf(file, sizeof(file), "%s/places.mmdb", dir);
	test_places();
	test_files();
	test_reopening_under_way();
	unlink(file);
	CHECK(rmdir(dir) == 0); /* no copy was left */
	return check_summary("geo");
}
