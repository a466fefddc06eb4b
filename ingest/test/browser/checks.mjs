// What SQL must know of the visits: every row against what was done, in the order it was done.
import { quote, row, rows } from './database.mjs';
import * as facts from './site/facts.js';

const LATE_MS = 300; // a busy browser handles an event this much after the key or button was pressed
const STAMP_MS = 1000; // trackers stamp what they have collected, some time after the deed
const PLACE_PERCENT = 1;

function where(session) {
	return `WHERE session_id = ${session}`;
}

export async function hasEvents(session, label, path) {
	const found = await row(`
		SELECT EXISTS (SELECT FROM events.clicks ${where(session)} AND label = ${quote(label)}) AS click,
			EXISTS (SELECT FROM events.pages ${where(session)} AND path = ${quote(path ?? '')}) AS page`);
	return found.click && (found.page || path === undefined);
}

export async function sessionsOf(projectId) {
	const found = await rows(
		`SELECT session_id::text FROM public.sessions WHERE project_id = ${projectId} ORDER BY session_id`,
	);
	return found.map((one) => one.session_id);
}

export async function checkGuest(report, session) {
	const found = await row(`SELECT is_live, user_id, metadata_1, metadata_2 FROM openreplay.sessions ${where(session)}`);
	report.same('the session while its first page is open', found, {
		is_live: true,
		user_id: facts.GUEST,
		metadata_1: facts.PLAN,
		metadata_2: null,
	});
}

// ---- the row that the start request made -------------------------------------------------------------------------------

export async function checkSession(report, visitor, visit) {
	const { tracker } = visitor;
	const { machine, screen } = visit;
	const [, browser, major, minor, patch] = machine.userAgent.match(/(HeadlessChrome|Chrome)\/(\d+)\.(\d+)\.(\d+)/);
	const found = await row(`
		SELECT tracker_version, rev_id, platform, timezone, user_browser, user_browser_version, user_os, user_device_type,
			user_device_memory_size, user_device_heap_size, user_country, user_uuid, user_id, metadata_1, metadata_2, metadata_3,
			screen_width, screen_height, start_ts
		FROM public.sessions ${where(visit.session)}`);
	const { start_ts, ...rest } = found;
	report.same('public.sessions', rest, {
		tracker_version: tracker.version,
		rev_id: facts.REV_ID,
		platform: 'web',
		timezone: tracker.offset,
		user_browser: browser,
		user_browser_version: `${major}.${minor}.${patch}`,
		user_os: /\(X11; Linux/.test(machine.userAgent) ? 'Linux' : machine.userAgent,
		user_device_type: 'desktop',
		user_device_memory_size: machine.memory || null,
		user_device_heap_size: machine.heap || null,
		user_country: 'UN',
		user_uuid: machine.uuid,
		user_id: facts.CUSTOMER,
		metadata_1: facts.PLAN,
		metadata_2: facts.CART,
		metadata_3: null,
		screen_width: tracker.tellsNoScreen ? 0 : screen.width,
		screen_height: tracker.tellsNoScreen ? 0 : screen.height,
	});
	report.between('public.sessions.start_ts', start_ts, visitor.started, visitor.started + visitor.lag_ms);
	return start_ts;
}

// Where the visit came from: what its first page said, not its last.
export async function checkOrigin(report, visitor, visit) {
	const letter = `${visitor.site.origin}/letter`;
	const found = await row(`
		SELECT referrer, base_referrer, utm_source, utm_medium, utm_campaign FROM openreplay.sessions ${where(visit.session)}`);
	report.same('origin in openreplay.sessions', found, {
		referrer: letter,
		base_referrer: letter,
		utm_source: 'letter',
		utm_medium: null,
		utm_campaign: 'autumn',
	});
}

// ---- events ------------------------------------------------------------------------------------------------------------

function expectedPages(visitor, visit) {
	const at = (path) => `${visitor.site.origin}${path}`;
	const lamp = `${facts.LAMP.path}?${facts.LAMP.query}`;
	return [
		{ path: '/shop', query: facts.LETTER_QUERY, referrer: at('/letter'), base: at('/letter'), timings: visit.timings },
		{ path: facts.LAMP.path, query: facts.LAMP.query, referrer: at(`/shop?${facts.LETTER_QUERY}`), base: at('/shop') },
		{ path: '/cart', query: '', referrer: at(lamp), base: at(facts.LAMP.path), timings: visit.cartTimings },
		{ path: '/thanks', query: '', referrer: at('/cart'), base: at('/cart'), unmeasured: true },
	];
}

export async function checkPages(report, visitor, visit) {
	const found = await rows(`
		SELECT path, coalesce(query, '') AS query, host, referrer, base_referrer AS base, timestamp, response_end,
			dom_content_loaded_time, load_time, first_contentful_paint_time
		FROM events.pages ${where(visit.session)} ORDER BY timestamp`);
	const expected = expectedPages(visitor, visit);
	report.same(
		'events.pages',
		found.map(({ path, query, host, referrer, base }) => ({ path, query, host, referrer, base })),
		expected.map(({ path, query, referrer, base }) => ({ path, query, host: visitor.site.host, referrer, base })),
	);
	for (const page of expected) {
		const stored = found.find((candidate) => candidate.path === page.path);
		if (!stored || page.unmeasured) {
			continue;
		}
		const names = ['response_end', 'dom_content_loaded_time', 'load_time', 'first_contentful_paint_time'];
		if (page.timings) {
			names.forEach((name) => report.near(`${page.path}: ${name}`, stored[name], page.timings[name], 1));
		} else {
			report.same(`${page.path}: timings`, names.map((name) => stored[name]), [null, null, null, null]);
		}
	}
}

// A click on a link is expected only if the browser got it out before the page went away: then its message is there.
async function expectedClicks(visitor, session) {
	const sent = await rows(`
		SELECT fields ->> 'Label' AS label FROM openreplay.messages(${session}) WHERE name IN ('MouseClick', 'MouseClickDeprecated')`);
	return visitor.clicks.filter((click) => !click.isLink || sent.some((message) => message.label === click.label));
}

export async function checkClicks(report, visitor, visit) {
	const fields = new Set(visitor.inputs.map((input) => input.id));
	const expected = await expectedClicks(visitor, visit.session);
	const found = await rows(`
		SELECT label, path, url, selector, timestamp, normalized_x::float AS x, normalized_y::float AS y, hesitation
		FROM events.clicks ${where(visit.session)} ORDER BY timestamp, message_id`);
	report.same(
		'events.clicks',
		found.map(({ label, path, url, selector }) => ({ label, path, url, selector })),
		expected.map(({ id, label, path }) => ({
			label,
			path,
			url: `${visitor.site.host}${path}`,
			selector: visitor.tracker.selector(id, fields.has(id)),
		})),
	);
	if (found.length !== expected.length) {
		return expected.length;
	}
	found.forEach((click, n) => {
		const { label, x, y, at } = expected[n];
		if (visitor.tracker.tellsNoPlace) {
			report.same(`click on "${label}": place`, [click.x, click.y], [null, null]);
		} else {
			report.near(`click on "${label}": normalized_x`, click.x, x, PLACE_PERCENT);
			report.near(`click on "${label}": normalized_y`, click.y, y, PLACE_PERCENT);
		}
		report.between(`click on "${label}": timestamp`, click.timestamp, at - LATE_MS, at + visitor.lag_ms + STAMP_MS);
	});
	return expected.length;
}

export async function checkInputs(report, visitor, visit) {
	const found = await rows(`
		SELECT label, value, duration, hesitation FROM events.inputs ${where(visit.session)} ORDER BY timestamp, message_id`);
	report.same(
		'events.inputs',
		found.map(({ label, value }) => ({ label, value })),
		visitor.inputs.map(({ label }) => ({ label, value: null })),
	);
	visitor.inputs.forEach(({ label, shortest_ms, longest_ms }, n) => {
		report.between(`input "${label}": duration`, found[n]?.duration, shortest_ms - LATE_MS, longest_ms + LATE_MS);
		report.between(`input "${label}": hesitation`, found[n]?.hesitation, 0, longest_ms + LATE_MS);
	});
}

// What the tracker was told to hide is hidden wherever the messages are read, and what it was not is there to be read.
export async function checkMasks(report, visitor, visit) {
	const messages = `openreplay.messages(${visit.session})`;
	for (const { label, text, mask, whole } of visitor.inputs) {
		const shown = mask === 'none';
		const secret = whole ? text : text.slice(0, 6);
		const seen = await rows(`SELECT name FROM ${messages} WHERE strpos(fields::text, ${quote(secret)}) > 0`);
		report.same(`messages that show what was typed as "${label}"`, seen.length > 0, shown);

		const change = await row(`
			SELECT fields ->> 'ID' AS node, fields ->> 'Value' AS value, fields -> 'ValueMasked' AS masked
			FROM ${messages} WHERE name = 'InputChange' AND fields ->> 'Label' = ${quote(label)}`);
		report.same(
			`InputChange of "${label}"`,
			{ value: change?.value, masked: change?.masked },
			{ value: shown ? text : '', masked: !shown },
		);
		const last = await row(`
			SELECT fields ->> 'Value' AS value, fields -> 'Mask' AS mask FROM ${messages}
			WHERE name = 'SetInputValue' AND fields ->> 'ID' = ${quote(String(change?.node))} ORDER BY index DESC LIMIT 1`);
		report.same(`last SetInputValue of "${label}"`, last, {
			value: shown ? text : '',
			mask: { none: 0, length: text.length, hidden: -1 }[mask],
		});
	}
}

export async function checkRequests(report, visitor, visit) {
	const { site, tracker } = visitor;
	const found = await rows(`
		SELECT method, url, host, path, coalesce(query, '') AS query, status_code AS status, success, request_body, response_body, duration
		FROM events_common.requests ${where(visit.session)} ORDER BY timestamp, seq_index`);
	report.same(
		'events_common.requests',
		found.map(({ duration, ...rest }) => rest),
		[facts.STOCK, facts.ORDER].map(({ method, path, query, status }) => ({
			method,
			url: `${tracker.tellsCallsAsMade ? '' : site.origin}${path}${query && `?${query}`}`,
			host: tracker.tellsCallsAsMade ? '' : site.host,
			path,
			query,
			status,
			success: status < 400,
			request_body: null,
			response_body: null,
		})),
	);
	for (const { path, duration } of found) {
		report.between(`request ${path}: duration`, duration, facts.API_DELAY_MS - 5, facts.API_DELAY_MS + 5000);
	}
}

export async function checkErrors(report, visitor, visit) {
	const found = await rows(`
		SELECT e.source, e.name, e.message, e.project_id, e.payload -> 0 ->> 'fileName' AS file,
			e.payload -> 0 ->> 'functionName' LIKE '%weigh%' AS thrown_in_weigh
		FROM events.errors o JOIN public.errors e USING (error_id) WHERE o.session_id = ${visit.session}`);
	report.same('events.errors with public.errors', found, [
		{
			source: 'js_exception',
			...facts.WEIGHED,
			project_id: visit.projectId,
			file: `${visitor.site.origin}/page.js`,
			thrown_in_weigh: true,
		},
	]);
}

export async function checkCustoms(report, visit) {
	const found = await rows(`SELECT name, payload, level FROM events_common.customs ${where(visit.session)}`);
	report.same('events_common.customs', found, [{ ...facts.FILLED, level: 'info' }]);
}

// Who the visitor was, first and last: as sent, and as a filter box offers it.
export async function checkIdentity(report, visit) {
	const sent = await rows(`
		SELECT DISTINCT fields FROM openreplay.messages(${visit.session}) WHERE name IN ('UserID', 'Metadata') ORDER BY fields`);
	report.same(
		'UserID and Metadata messages',
		sent.map((message) => JSON.stringify(message.fields)).sort(),
		[{ ID: facts.GUEST }, { ID: facts.CUSTOMER }, { Key: 'plan', Value: facts.PLAN }, { Key: 'cart', Value: facts.CART }]
			.map((fields) => JSON.stringify(fields))
			.sort(),
	);
	const offered = await rows(`
		SELECT value FROM public.autocomplete WHERE project_id = ${visit.projectId} AND type = 'USERID' ORDER BY value`);
	report.same('autocomplete of user ids', offered.map(({ value }) => value), [facts.CUSTOMER, facts.GUEST]);
}

// ---- the canvas --------------------------------------------------------------------------------------------------------

export async function hasImages(session) {
	return (await row(`SELECT EXISTS (SELECT FROM openreplay.images(${session})) AS here`)).here;
}

// The images of the canvas belong to the one recording that its CanvasNode message tells of, and are WebP.
export async function checkCanvas(report, visitor, visit) {
	const found = await row(`
		SELECT count(*) > 0 AS images, coalesce(bool_and(kind = 'c' AND name ~ ('^' || r.recording_id || '_[0-9]+[.]webp$')
			AND substring(body FROM 9 FOR 4) = 'WEBP'), true) AS webp
		FROM openreplay.images(${visit.session}) LEFT JOIN events.canvas_recordings r ON r.session_id = ${visit.session}`);
	report.same('images of the canvas', found, { images: Boolean(visitor.tracker.drawsCanvases), webp: true });
}

// ---- what was acknowledged ---------------------------------------------------------------------------------------------

// A batch is known by its size here: each that was answered 200 must be stored, as often as it was answered.
export async function checkAcknowledged(report, visitor, sessions) {
	const stored = await rows(
		`SELECT size_bytes AS size FROM openreplay.batches WHERE session_id IN (${sessions}) AND kind = 'w'`,
	);
	const left = stored.map(({ size }) => size);
	const lost = visitor.answers
		.filter(({ status }) => status === 200)
		.flatMap(({ sizes }) => sizes)
		.filter((size) => {
			const place = left.indexOf(size);
			return place < 0 || left.splice(place, 1).length === 0;
		});
	report.same('sizes of batches that were answered 200 and are not in openreplay.batches', lost, []);
}

// ---- the visit that outlasted its session ------------------------------------------------------------------------------

export async function checkSuccessor(report, visit) {
	const { first, second, uuid, clicksOfFirst, clicksOfSecond } = visit;
	const labels = async (session) => {
		const found = await rows(`SELECT label FROM events.clicks ${where(session)} ORDER BY timestamp, message_id`);
		return found.map(({ label }) => label);
	};
	const expected = (clicks) => clicks.map(({ label }) => label);

	report.same('sessions of the project with short sessions', await sessionsOf(visit.projectId), [first, second]);
	report.same('clicks until the token was refused', await labels(first), expected(clicksOfFirst));
	report.same('clicks of the new session', await labels(second), expected(clicksOfSecond));
	const stored = await row(`SELECT user_id, metadata_1, user_uuid FROM public.sessions ${where(second)}`);
	report.same('the new session', stored, { user_id: facts.GUEST, metadata_1: facts.PLAN, user_uuid: uuid });
}

// ---- counters ----------------------------------------------------------------------------------------------------------

function counters(table, session) {
	return row(`
		SELECT s.pages_count, s.events_count, s.errors_count,
			(SELECT count(*) FROM events.pages ${where(session)}) AS pages,
			(SELECT count(*) FROM events.clicks ${where(session)}) AS clicks,
			(SELECT count(*) FROM events.inputs ${where(session)}) AS inputs,
			(SELECT count(*) FROM events.errors ${where(session)}) AS errors
		FROM ${table} s WHERE s.session_id = ${session}`);
}

// The last page's row may still be waiting for its timings while the session lives, so pages are compared with what is there.
export async function checkLiveCounters(report, session, expected) {
	const { is_live } = await row(`SELECT is_live FROM openreplay.sessions ${where(session)}`);
	report.same('is_live before the timeout', is_live, true);
	const { pages_count, events_count, errors_count, pages, clicks, inputs, errors } = await counters('openreplay.sessions', session);
	report.same('counters of the live session', { pages_count, events_count, errors_count }, {
		pages_count: pages,
		events_count: pages + clicks + inputs,
		errors_count: errors,
	});
	report.same('rows of the live session', { clicks, inputs, errors }, expected);
}

// The last message was stamped after the last deed and before the window was shut, on the tracker's clock.
export async function checkEnd(report, visitor, session, rows_expected, lastDeed) {
	const { pages, clicks, inputs, errors } = rows_expected;
	report.same('counters of the ended session', await counters('public.sessions', session), {
		pages_count: pages,
		events_count: pages + clicks + inputs,
		errors_count: errors,
		...rows_expected,
	});
	const { is_live, duration, start_ts } = await row(
		`SELECT v.is_live, s.duration, s.start_ts FROM public.sessions s JOIN openreplay.sessions v USING (session_id) ${where(session)}`,
	);
	report.same('is_live of the ended session', is_live, false);
	const latest = visitor.shut + visitor.lag_ms + STAMP_MS - start_ts;
	report.between('duration of the ended session', duration, Math.max(1, lastDeed - start_ts - LATE_MS), latest);
}
