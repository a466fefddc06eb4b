\set ECHO none
-- A reader of recording files that knows only the format's description: eight bytes ff, then messages as type and fields.
-- Fields: u and i numbers (i: zigzag), b one byte, s text.  It stops at what it does not know, as players do.
CREATE TEMP TABLE recorded_types (type integer PRIMARY KEY, fields text, file text);
INSERT INTO recorded_types SELECT split_part(t, ':', 1)::integer, split_part(t, ':', 2), f.file FROM (VALUES
	('both', '0:u 118:s'),
	('dom', '4:ssu 5:uu 6:ii 7: 8:uuusb 9:uuu 10:uuu 11:u 12:uss 13:us 14:us 15:us 16:uii 18:usi 19:ub 20:uu 34:us 35:uuu '
		'36:us 37:usu 38:uu 43:ss 49:iiuu 50:us 51:uuu 52:uss 54:us 55:b 57:usss 58:i 59:uuuusss 60:usss 61:uss 65:uu 67:usus '
		'68:uussuu 69:uuss 70:uu 71:uss 72:us 73:usus 74:usu 75:uu 76:uu 77:uu 93:uuss 96:uuuuuu 100:uusuu 101:uusbs 102:uusu '
		'103:uuss 104:uus 105:uusssssuu 106:uusuus 109:uussssu 111:ussss 113:uus 114:u 117:s 119:su 122:ssus'),
	('devtools', '21:sssssuuu 22:ss 39:ssssuuu 40:suss 41:ss 44:ssu 45:ss 46:ss 47:ssu 48:ssssi 53:uuuuuuss 79:ss '
		'83:sssssuuuu 84:sssuss 85:uuuuuussubuuuuuuu 87:sii 89:siiiis 116:uuuuuussub 120:i 121:ssuu 123:ssssu')
) f (file, types), regexp_split_to_table(f.types, ' ') t;

CREATE FUNCTION pg_temp.read_recording(file bytea)
RETURNS TABLE (n integer, at bigint, tab text, type integer, content jsonb) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
	kinds text[] := ARRAY(SELECT coalesce(r.fields, '?') FROM generate_series(0, 127) id LEFT JOIN recorded_types r ON r.type = id ORDER BY id);
	size integer := length(file);
	i integer := 8;
	kind text;
	number bigint;
	shift integer;
	b integer;
	field jsonb;
BEGIN
	n := 0;
	IF substring(file FROM 1 FOR 8) <> '\xffffffffffffffff' THEN
		RAISE EXCEPTION 'no header';
	END IF;
	WHILE i < size LOOP
		type := get_byte(file, i);
		IF type > 127 OR kinds[type + 1] = '?' THEN
			RAISE EXCEPTION 'unknown type % at %', type, i;
		END IF;
		i := i + 1;
		content := '[]';
		FOREACH kind IN ARRAY string_to_array(kinds[type + 1], NULL) LOOP
			number := 0;
			shift := 0;
			LOOP
				b := get_byte(file, i);
				i := i + 1;
				number := number | ((b & 127)::bigint << shift);
				EXIT WHEN b < 128;
				shift := shift + 7;
			END LOOP;
			IF kind = 's' THEN
				field := to_jsonb(convert_from(substring(file FROM i + 1 FOR number::integer), 'UTF8'));
				i := i + number::integer;
			ELSIF kind = 'b' THEN
				field := to_jsonb(number = 1);
			ELSIF kind = 'i' THEN
				field := to_jsonb(CASE WHEN number & 1 = 1 THEN -(number >> 1) - 1 ELSE number >> 1 END);
			ELSE
				field := to_jsonb(number);
			END IF;
			content := content || jsonb_build_array(field);
		END LOOP;
		n := n + 1;
		at := CASE WHEN type = 0 THEN (content->>0)::bigint ELSE at END;
		tab := CASE WHEN type = 118 THEN content->>0 ELSE tab END;
		RETURN NEXT;
	END LOOP;
END
$$;
\set ECHO all
