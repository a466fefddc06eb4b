/*
 * pq_test.c - which connection strings libpq may see
 */
#include "common/pq.h"

#include "check.h"

int
main(void)
{
	static const char *const good[] = {
		"",
		"openreplay",
		"host=/run/postgresql dbname=openreplay",
		"host=@abstract user=door password='p@ss:w/rd=?'",
		"host=a,b port=5432,5433 target_session_attrs=read-write",
		"postgresql://door:p%40ss%2Fw@db.example:5432/openreplay?sslmode=require",
		"postgres://door@[::1]/openreplay",
		"postgresql:///openreplay?host=/run/postgresql",
	};
	/* each would be quoted in an error, the secret with it */
	static const char *const bad[] = {
		"host=db password=two words",
		"postgresql://door:100%secret@db.example/openreplay",
		"postgresql://door:sec/ret@db.example/openreplay",
		"postgresql://door:sec@ret@db.example/openreplay",
		"postgresql://door:sec[ret@[db.example/openreplay",
		"host=db port=secret",
		"passwort=secret",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(pq_is_conninfo(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!pq_is_conninfo(bad[i]));
	return check_summary("pq");
}
