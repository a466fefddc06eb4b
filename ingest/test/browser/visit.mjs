// The visits: real mouse and keyboard input in headless Chromium. They write down what was done and what the browser itself
// measured; whether it was recorded is for the checks to say.
//
// The hard idea: a browser may drop what a tracker sends while its page goes away (the batch waits for its preflight, and the
// worker that would send it is gone), which no server can mend. So before a page is left, the pointer leaves the window, on
// which trackers send, until the last deed on the page has arrived.
import { sleep, until } from './database.mjs';
import * as facts from './site/facts.js';

const VIEWPORT = { width: 1280, height: 720 };
const SCREEN = { width: 1440, height: 900 };
const TYPING_MS = 25; // between two keys
const CLOSING_MS = 100; // from leaving the page to shutting it: nobody is quicker by hand
const DEAF_MS = 600; // tracker 19 sends only once in 500 ms when it is left, by the pointer or for another page

// Elements of the shop with a data-openreplay-label.
const LABELLED = ['name', 'number', 'note', 'fill', 'praise'];

// Typed into the fields of the shop. `whole`: the tracker shows the first digits until it sees four of them.
const TYPED = [
	{ id: 'name', text: 'Ada Plainfield', mask: 'none' },
	{ id: 'number', text: '80351926', mask: 'length', whole: true },
	{ id: 'note', text: 'Ukq7whisper under the mat', mask: 'length' },
	{ id: 'password', text: 'Xv9correcthorse', mask: 'hidden' },
];

export async function newVisitor(browser, site, tracker) {
	const context = await browser.newContext({ viewport: VIEWPORT, screen: SCREEN, timezoneId: tracker.timezone });
	const page = await context.newPage();
	const visitor = { context, page, site, tracker, clicks: [], inputs: [], answers: [], complaints: [], thrown: [] };
	page.setDefaultTimeout(20000);
	page.on('pageerror', (error) => visitor.thrown.push(`${error.name}: ${error.message}`));
	page.on('console', (message) => {
		if (message.type() === 'error' || message.type() === 'warning') {
			visitor.complaints.push(message.text());
		}
	});
	context.on('response', (response) => {
		const request = response.request();
		if (isBatch(request)) {
			visitor.answers.push({ status: response.status(), sizes: sizesOf(request) });
		}
	});
	return visitor;
}

function isBatch(request) {
	return request.method() === 'POST' && new URL(request.url()).pathname.endsWith('/v1/web/i');
}

// Of the batches in a request; `split` is where the second begins, if there are two.
function sizesOf(request) {
	const size = request.postDataBuffer()?.length ?? 0;
	const split = Number(new URL(request.url()).searchParams.get('split'));
	return split ? [split, size - split] : [size];
}

// The session the tracker says it records, once it does.
async function recording(page) {
	const answer = await page.evaluate(() => window.started);
	if (!answer.success) {
		throw new Error(`the tracker did not start: ${answer.reason}`);
	}
	return page.evaluate(() => window.tracker.getSessionID());
}

// The first page with a tracker. A tracker's clock is late by what its start request took to arrive, here at most lag_ms.
async function arrive(visitor, deed) {
	const { page } = visitor;
	visitor.started = Date.now();
	await deed();
	await page.waitForURL((url) => url.pathname === '/shop');
	const session = await recording(page);
	const since = Date.now();
	visitor.lag_ms = since - visitor.started;
	return { session, since };
}

// What a tracker calls an element that shows this text: some versions put its id first. A label of its own wins always.
export function labelOf(visitor, id, text) {
	return visitor.tracker.idsFirst && !LABELLED.includes(id) ? `#${id}` : text;
}

// A click in the middle of an element, reached by mouse wheel if need be.
export async function click(visitor, id, text) {
	const { page, clicks } = visitor;
	const label = labelOf(visitor, id, text);
	const element = page.locator(`#${id}`);
	let box = await element.boundingBox();
	if (box.y < 0 || box.y + box.height > VIEWPORT.height) {
		await page.mouse.wheel(0, box.y - VIEWPORT.height / 2);
		await page.waitForFunction((name) => {
			const place = document.getElementById(name).getBoundingClientRect();
			return place.top >= 0 && place.bottom <= innerHeight;
		}, id);
		box = await element.boundingBox();
	}
	const seen = await page.evaluate(() => ({
		path: location.pathname,
		left: scrollX,
		top: scrollY,
		width: document.documentElement.scrollWidth,
		height: document.documentElement.scrollHeight,
	}));
	const x = box.x + box.width / 2;
	const y = box.y + box.height / 2;
	await page.mouse.move(x, y, { steps: 4 });
	clicks.push({
		id,
		label,
		path: seen.path,
		x: ((seen.left + x) / seen.width) * 100,
		y: ((seen.top + y) / seen.height) * 100,
		at: Date.now(),
	});
	await page.mouse.click(x, y);
}

function leaveWindow(page) {
	return page.mouse.move(VIEWPORT.width / 2, -20);
}

async function shutWindow(visitor) {
	await visitor.page.close();
	visitor.shut = Date.now();
}

// Out of the window and back until arrived(): a tracker may not have made its batch yet when the pointer leaves.
async function lookAwayUntil(visitor, what, arrived) {
	const found = await until(async () => {
		await leaveWindow(visitor.page);
		const seen = await until(arrived, 700, 100);
		await visitor.page.mouse.move(VIEWPORT.width / 2, VIEWPORT.height / 2);
		return seen;
	}, 20000, 0);
	if (found === undefined) {
		throw new Error(`${what} does not arrive; batches were answered ${visitor.answers.map((a) => a.status).join(' ')}`);
	}
	return found;
}

async function type(visitor, field) {
	const { page, tracker, inputs } = visitor;
	const label = tracker.labels[field.id];
	const from = Date.now();
	await click(visitor, field.id, label);
	const keys = Date.now();
	await page.keyboard.type(field.text, { delay: TYPING_MS });
	const shortest_ms = Date.now() - keys;
	await page.keyboard.press('Tab');
	inputs.push({ ...field, label, path: '/shop', shortest_ms, longest_ms: Date.now() - from });
}

// Milliseconds since the navigation began, as the page measured them itself.
function measuredTimings(page) {
	return page.evaluate(() => {
		const timing = performance.timing;
		const since = (time) => time - timing.navigationStart;
		return {
			response_end: since(timing.responseEnd),
			dom_content_loaded_time: since(timing.domContentLoadedEventEnd),
			load_time: since(timing.loadEventEnd),
			first_contentful_paint_time: Math.floor(performance.getEntriesByName('first-contentful-paint')[0].startTime),
		};
	});
}

// The tracker looks at the load's timings once, a second after it started; who leaves earlier has none.
async function stayForTimings(visitor, since) {
	await sleep(Math.max(0, since + 1600 - Date.now()));
	return measuredTimings(visitor.page);
}

async function answered(page, call, deed) {
	const response = page.waitForResponse((candidate) => new URL(candidate.url()).pathname === call.path);
	await deed();
	await (await response).finished();
}

// The first visit, page by page. hasEvents(session, label, path) tells whether SQL knows a click and a page view.
export async function shop(visitor, hasEvents) {
	const { page, site } = visitor;
	await page.goto(`${site.origin}/letter`);
	const { session, since } = await arrive(visitor, () => page.click('#shop'));

	for (const field of TYPED) {
		await type(visitor, field);
	}
	await click(visitor, 'fill', 'Add two lamps');
	await answered(page, facts.STOCK, () => click(visitor, 'stock', 'In stock?'));
	await answered(page, facts.ORDER, () => click(visitor, 'order', 'Order now'));
	await click(visitor, 'weigh', 'Weigh the cart');
	await click(visitor, 'lamp', 'Oak lamp');
	await page.waitForURL('**/shop/lamp?*');
	const timings = await stayForTimings(visitor, since);
	const machine = await page.evaluate(() => ({
		userAgent: navigator.userAgent,
		memory: (navigator.deviceMemory ?? 0) * 1024,
		heap: performance.memory?.jsHeapSizeLimit ?? 0,
		uuid: localStorage.getItem('__openreplay_uuid'),
	}));
	await lookAwayUntil(visitor, 'the lamp', () => hasEvents(session, labelOf(visitor, 'lamp', 'Oak lamp'), facts.LAMP.path));
	return { session, timings, machine, screen: SCREEN };
}

// By a link: the click itself is all that is said while the page goes away.
export async function follow(visitor, link, label) {
	const { page } = visitor;
	await sleep(DEAF_MS);
	await click(visitor, link, label);
	visitor.clicks.at(-1).isLink = true;
	await page.waitForURL(`**/${link}`);
	return recording(page);
}

export async function signIn(visitor, session, hasEvents) {
	const since = Date.now();
	await click(visitor, 'sign', 'Sign in');
	const timings = await stayForTimings(visitor, since);
	await lookAwayUntil(visitor, 'the click on "Sign in"', () => hasEvents(session, labelOf(visitor, 'sign', 'Sign in')));
	return timings;
}

// hasImages(session): whether images of the page's canvas have arrived, from a tracker that records canvases.
export async function praiseAndLeave(visitor, session, hasEvents, hasImages) {
	await click(visitor, 'praise', 'Five stars');
	if (visitor.tracker.drawsCanvases) {
		await until(() => hasImages(session), 20000);
	}
	await lookAwayUntil(visitor, 'the click on "Five stars"', () => hasEvents(session, 'Five stars'));
	await shutWindow(visitor);
}

// The pointer leaves until a batch with this text in it leaves the browser.
async function untilSent(visitor, text) {
	const { page } = visitor;
	let gone = false;
	page.on('request', (request) => {
		gone ||= isBatch(request) && request.postDataBuffer()?.includes(text);
	});
	const sent = await until(async () => {
		await leaveWindow(page);
		const seen = await until(() => gone, 700, 5);
		if (!seen) {
			await page.mouse.move(VIEWPORT.width / 2, VIEWPORT.height / 2);
		}
		return seen;
	}, 20000, 0);
	if (!sent) {
		throw new Error(`no batch with "${text}" was sent`);
	}
}

// The second visit: a page that stays open longer than its session may last. The batch that comes just too late is answered 401
// and recorded all the same (the tracker throws it away), and the tracker starts a new session.
export async function stayTooLong(visitor, session_ms, hasEvents) {
	const { page, site } = visitor;
	const { session: first, since } = await arrive(visitor, () => page.goto(`${site.origin}/shop`));
	const uuid = await page.evaluate(() => localStorage.getItem('__openreplay_uuid'));
	await click(visitor, 'fill', 'Add two lamps');
	await lookAwayUntil(visitor, 'the click on "Add two lamps"', () => hasEvents(first, 'Add two lamps'));

	await sleep(since + session_ms + 200 - Date.now());
	await click(visitor, 'stock', 'In stock?');
	const second = await lookAwayUntil(visitor, 'a new session', () =>
		page.evaluate((old) => {
			const current = window.tracker.isActive() && window.tracker.getSessionID();
			return current !== old && current;
		}, first),
	);
	const clicksOfFirst = visitor.clicks.splice(0);

	// The window is shut as soon as the last batch is on its way, before the answer.
	await click(visitor, 'lamp', 'Oak lamp');
	await click(visitor, 'fill', 'Add two lamps');
	await untilSent(visitor, facts.FILLED.name);
	await shutWindow(visitor);
	return { first, second, uuid, clicksOfFirst, clicksOfSecond: visitor.clicks };
}

// The third visit: one deed, the pointer goes up to the window's frame, and the page is gone before anybody looked whether
// something was sent.
export async function closeAtOnce(visitor) {
	const { page, site } = visitor;
	const { session } = await arrive(visitor, () => page.goto(`${site.origin}/shop`));
	await sleep(DEAF_MS);
	await click(visitor, 'fill', 'Add two lamps');
	await leaveWindow(page);
	await sleep(CLOSING_MS);
	await shutWindow(visitor);
	return session;
}
