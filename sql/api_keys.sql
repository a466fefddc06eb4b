-- Keys of projects, tenants and users: random, of any wanted length, every character equally likely.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS openreplay CASCADE;

SELECT public.generate_api_key(20) ~ '^[0-9A-Za-z]{20}$' AS twenty_letters_and_digits,
	public.generate_api_key(0) = '' AS empty,
	public.generate_api_key(NULL) IS NULL AS null_stays_null;
SELECT public.generate_api_key(-1);
SELECT length(public.generate_api_key(4096));
SELECT public.generate_api_key(4097);

-- No two are the same.
SELECT count(DISTINCT public.generate_api_key(20)) FROM generate_series(1, 10000);

-- 620,000 characters: each of the 62 comes 10,000 times, give or take six standard deviations.
SELECT count(*) AS characters, bool_and(abs(times - 10000) < 600) AS equally_often
FROM (SELECT c, count(*) AS times
	  FROM generate_series(1, 6200), regexp_split_to_table(public.generate_api_key(100 + 0 * generate_series), '') AS c
	  GROUP BY c) AS counted;

-- Tables take their keys from here.
INSERT INTO public.projects (project_id, name, active) VALUES (7001, 'keys', true);
SELECT project_key ~ '^[0-9A-Za-z]{20}$' AS has_a_key FROM public.projects WHERE project_id = 7001;
DELETE FROM public.projects WHERE project_id = 7001;

SELECT public.openreplay_version();
