\set ECHO none
-- Visits whose pages name style sheets and fonts; after encode.sql and read_recording.sql.
CREATE FUNCTION pg_temp.attribute(name text, value text, base text DEFAULT 'https://shop.example/p/') RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.msg(60, pg_temp.uint(4), pg_temp.str(name), pg_temp.str(value), pg_temp.str(base))
$$;
CREATE FUNCTION pg_temp.page(base text DEFAULT 'https://shop.example/p/') RETURNS bytea[] LANGUAGE sql AS $$
	SELECT ARRAY[
		pg_temp.attribute('href', '../main.css?v=3', base), pg_temp.attribute('href', 'https://cdn.example/Fonts.css', base),
		pg_temp.attribute('href', 'next.html', base), pg_temp.attribute('src', 'logo.svg', base), pg_temp.attribute('srcset', 'a.css 2x', base),
		pg_temp.attribute('href', 'https://user@shop.example/secret.css', base), pg_temp.attribute('href', 'data:text/css,a{}', base),
		pg_temp.attribute('style', 'background:url(bg.png);src:url(style.woff)', base),
		pg_temp.msg(61, pg_temp.uint(5), pg_temp.str('@import "data.css"; a:hover{src:url(../main.css?v=3)}'), pg_temp.str(base)),
		pg_temp.msg(67, pg_temp.uint(5), pg_temp.str('a{src:url("rule.woff2")}'), pg_temp.uint(0), pg_temp.str(base)),
		pg_temp.msg(71, pg_temp.uint(9), pg_temp.str('a{src:url(''adopted.ttf'')}'), pg_temp.str(base)),
		pg_temp.msg(73, pg_temp.uint(9), pg_temp.str('a{src:url(inserted.otf)}'), pg_temp.uint(0), pg_temp.str(base)),
		pg_temp.attribute('href', 'long' || repeat('/', 400) || '.css', base)]
$$;
-- A visit of https://shop.example/p/ with these messages.
CREATE FUNCTION pg_temp.record_visit(id bigint, project_id int, at timestamptz, VARIADIC messages bytea[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT pg_temp.start(id, project_id, at);
	SELECT openreplay.append_batch(id, pg_temp.batch(0, 0, extract(epoch FROM at)::bigint * 1000, 'https://shop.example/p/', 'tab1',
		VARIADIC messages), at);
$$;
-- A visit whose page links to a style sheet, and has a style that imports another.
CREATE FUNCTION pg_temp.sheets(id bigint, project_id int, at timestamptz, base text) RETURNS bigint LANGUAGE sql AS $$
	SELECT pg_temp.start(id, project_id, at);
	SELECT openreplay.append_batch(id, pg_temp.batch(0, 0, extract(epoch FROM at)::bigint * 1000, base, 'tab1',
		pg_temp.msg(60, pg_temp.uint(4), pg_temp.str('href'), pg_temp.str('/main.css?v=3'), pg_temp.str(base)),
		pg_temp.msg(61, pg_temp.uint(5), pg_temp.str('@import "data.css"'), pg_temp.str(base))), at);
$$;
-- The assets that wait to be copied.
CREATE FUNCTION pg_temp.queued() RETURNS TABLE (key text, url text) LANGUAGE sql AS $$
	SELECT key, payload ->> 'url' FROM openreplay.outbox WHERE kind = 'asset' ORDER BY key
$$;
-- What a recording has of attributes and style sheets.
CREATE FUNCTION pg_temp.named(id bigint) RETURNS TABLE (type int, content text) LANGUAGE sql AS $$
	SELECT type, content FROM pg_temp.read_recording(openreplay.recording(id, 'dom.mob')) WHERE type IN (12, 15) ORDER BY n
$$;
\set ECHO all
