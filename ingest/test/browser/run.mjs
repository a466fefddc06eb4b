// run.mjs - visits with each stock tracker in headless Chromium, and what SQL must know of them
//
//   node run.mjs [9] [14] [16] [17] [18] [19]
//
// run.sh starts the servers and passes them on: PG*, INGEST_URL, CHROMIUM. The visits go on side by side, since most of their
// time is waiting:
//   - a visit to a shop, with two full navigations and one within a page; the tracker posts to another origin;
//   - a page that stays open longer than its session may last; the tracker posts to the site itself, which forwards /ingest;
//   - a page that is shut right after a deed, again if the browser threw the last batch away;
//   - feature flags, where the tracker has them.
// When all is over the sessions' timeout is lowered, so that they end now.
import { chromium } from 'playwright-core';
import * as checks from './checks.mjs';
import { execute, quote, rows, until } from './database.mjs';
import { checkFlags } from './flags.mjs';
import { Report } from './report.mjs';
import { bundle, startSite } from './site.mjs';
import { GUEST } from './site/facts.js';
import * as visits from './visit.mjs';

const LIMIT_MS = 220000;
const CLOSING_TRIES = 4;
const SHORT_SESSION_MS = 12000;

// Where the versions differ: what they call a field or button without a label, how a selector is spelled, and what the oldest
// does not tell yet.
const LABELS = { name: 'Your name', number: 'Customer number', note: 'Delivery note' };
const OLD = {
	timezone: 'Asia/Kolkata',
	offset: 'UTC+05:30',
	labels: { ...LABELS, password: 'Secret word' },
	selector: (id, isField) => (isField ? '' : `body #${id}`),
};
const NEW = {
	timezone: 'America/Bogota',
	offset: 'UTC-05:00',
	labels: { ...LABELS, password: '#password' },
	selector: (id) => `#${id}`,
};
const TRACKERS = {
	9: { ...OLD, version: '9.0.14', tellsNoScreen: true, tellsNoPlace: true, tellsCallsAsMade: true },
	14: { ...OLD, version: '14.0.14', drawsCanvases: true, hasFlags: true },
	16: { ...OLD, version: '16.4.10', drawsCanvases: true, hasFlags: true, selector: (id, isField) => (isField ? '' : `#${id}`) },
	17: { ...NEW, version: '17.2.11', drawsCanvases: true, selector: (id, isField) => (isField ? '' : `#${id}`), idsFirst: true },
	18: { ...NEW, version: '18.2.0', drawsCanvases: true },
	19: { ...NEW, version: '19.0.1', drawsCanvases: true },
};

async function createProject(name, session_ms) {
	const created = await execute(`
		INSERT INTO public.projects (name, active, metadata_1, metadata_2, max_session_duration)
		VALUES (${quote(name)}, true, 'plan', 'cart', ${session_ms})
		RETURNING json_build_object('id', project_id, 'key', project_key)`);
	return JSON.parse(created);
}

async function visitShop(browser, tracker, script, report) {
	const project = await createProject(`shop ${tracker.version}`, 7200000);
	const site = await startSite(script, { projectKey: project.key, ingestPoint: `${process.env.INGEST_URL}/ingest` });
	const visitor = await visits.newVisitor(browser, site, tracker);
	try {
		const visit = { projectId: project.id, ...(await visits.shop(visitor, checks.hasEvents)) };
		await checks.checkGuest(report, visit.session);
		const onCart = await visits.follow(visitor, 'cart', 'To the cart');
		visit.cartTimings = await visits.signIn(visitor, visit.session, checks.hasEvents);
		const onThanks = await visits.follow(visitor, 'thanks', 'Check out');
		report.same('the tracker records one session on all pages', [onCart, onThanks], [visit.session, visit.session]);
		await visits.praiseAndLeave(visitor, visit.session, checks.hasEvents, checks.hasImages);
		report.same('sessions of the project', await checks.sessionsOf(visit.projectId), [visit.session]);

		await checks.checkSession(report, visitor, visit);
		visit.clicks = await checks.checkClicks(report, visitor, visit);
		await checks.checkInputs(report, visitor, visit);
		await checks.checkMasks(report, visitor, visit);
		await checks.checkRequests(report, visitor, visit);
		await checks.checkErrors(report, visitor, visit);
		await checks.checkCustoms(report, visit);
		await checks.checkIdentity(report, visit);
		await checks.checkCanvas(report, visitor, visit);
		await checks.checkAcknowledged(report, visitor, visit.session);
		await checks.checkLiveCounters(report, visit.session, { clicks: visit.clicks, inputs: visitor.inputs.length, errors: 1 });
		report.same('statuses of batches', [...new Set(visitor.answers.map(({ status }) => status))], [200]);
		report.same('what the browser complained about', visitor.complaints, [
			'Failed to load resource: the server responded with a status of 500 (Internal Server Error)',
		]);
		report.same('errors thrown on the pages', visitor.thrown, ['RangeError: The cart weighs 72 kg']);
		return { visitor, visit };
	} finally {
		await visitor.context.close();
		site.close();
	}
}

async function outlastSession(browser, tracker, script, report) {
	const project = await createProject(`short ${tracker.version}`, SHORT_SESSION_MS);
	const site = await startSite(script, { projectKey: project.key }, process.env.INGEST_URL);
	const visitor = await visits.newVisitor(browser, site, tracker);
	try {
		const visit = { projectId: project.id, ...(await visits.stayTooLong(visitor, SHORT_SESSION_MS, checks.hasEvents)) };
		const arrived = await until(() => checks.hasEvents(visit.second, 'Add two lamps', '/shop/lamp'), 10000);
		report.same('the last batch of a window that was shut meanwhile', arrived, true);
		await checks.checkSuccessor(report, visit);
		await checks.checkAcknowledged(report, visitor, `${visit.first}, ${visit.second}`);
		report.same('statuses of batches', [...new Set(visitor.answers.map(({ status }) => status))].sort(), [200, 401]);
		return { visitor, visit };
	} finally {
		await visitor.context.close();
		site.close();
	}
}

// A browser guarantees nothing to a page that goes away: the tracker's worker may be gone before it has sent. So more than one
// page may be tried; that the batch of none arrives would be a fault of ours.
async function closeAtOnce(browser, tracker, script, report) {
	const project = await createProject(`closing ${tracker.version}`, 7200000);
	const site = await startSite(script, { projectKey: project.key, ingestPoint: `${process.env.INGEST_URL}/ingest` });
	try {
		let tries = 0;
		let arrived = false;
		while (!arrived && tries < CLOSING_TRIES) {
			tries += 1;
			const visitor = await visits.newVisitor(browser, site, tracker);
			const session = await visits.closeAtOnce(visitor);
			arrived = Boolean(await until(() => checks.hasEvents(session, 'Add two lamps'), 5000));
			await checks.checkAcknowledged(report, visitor, session);
			await visitor.context.close();
		}
		report.same('the last batch of a page that is closed at once arrives', arrived, true);
		return tries;
	} finally {
		site.close();
	}
}

async function visitFlags(browser, tracker, script, report) {
	const project = await createProject(`flags ${tracker.version}`, 7200000);
	await checkFlags(browser, tracker, script, report, project, GUEST);
}

// Everything that can be seen while the sessions live.
async function visitWith(browser, name) {
	const tracker = TRACKERS[name];
	const report = new Report(`tracker ${tracker.version}`);
	const script = await bundle(`tracker${name}`);
	const guard = (visiting) => visiting(browser, tracker, script, report).catch((error) => report.failure(error));
	const [shop, long] = await Promise.all([guard(visitShop), guard(outlastSession)]);
	const tries = await guard(closeAtOnce);
	if (tracker.hasFlags) {
		await guard(visitFlags);
	}
	return { report, shop, long, tries };
}

async function endSessions() {
	await execute("ALTER SYSTEM SET openreplay.session_timeout = '2s'");
	await execute('SELECT pg_reload_conf()');
	return until(async () => {
		const live = await rows('SELECT session_id::text FROM openreplay.sessions WHERE is_live OR duration IS NULL');
		return live.length === 0;
	}, 45000, 500);
}

async function checkEnds({ report, shop, long }) {
	if (shop) {
		const { visitor, visit } = shop;
		const expected = { pages: 4, clicks: visit.clicks, inputs: visitor.inputs.length, errors: 1 };
		await checks.checkPages(report, visitor, visit);
		await checks.checkOrigin(report, visitor, visit);
		await checks.checkEnd(report, visitor, visit.session, expected, visitor.clicks.at(-1).at);
	}
	if (long) {
		const { visitor, visit } = long;
		const expected = { pages: 1, clicks: 2, inputs: 0, errors: 0 };
		await checks.checkEnd(report, visitor, visit.first, expected, visit.clicksOfFirst.at(-1).at);
		await checks.checkEnd(report, visitor, visit.second, { ...expected, pages: 2 }, visit.clicksOfSecond.at(-1).at);
	}
}

function summary({ report, shop, tries }, seconds) {
	const seen = shop ? `4 pages, ${shop.visit.clicks} clicks, ${shop.visitor.inputs.length} inputs` : 'the visit was not finished';
	console.log(`browser: ${report.name}: ${report.passed} passed, ${report.failed} failed (${seen}; closed at once ${tries} x; ${seconds} s)`);
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(TRACKERS);
for (const name of names) {
	if (!TRACKERS[name]) {
		console.error(`run.mjs: no tracker ${name}, only ${Object.keys(TRACKERS).join(', ')}`);
		process.exit(2);
	}
}
const started = Date.now();
setTimeout(() => {
	console.log(`browser: not ok: not done after ${LIMIT_MS / 1000} s`);
	console.log('browser: 0 passed, 1 failed');
	process.exit(1);
}, LIMIT_MS).unref();

// Leaving by exit() takes the browser along.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
	process.once(signal, () => process.exit(130));
}

// Pages that were left stay in memory for the way back, as in everybody's browser; playwright would switch that off.
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
	handleSIGINT: false,
	handleSIGTERM: false,
	handleSIGHUP: false,
	ignoreDefaultArgs: ['--disable-back-forward-cache'],
	args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const results = await Promise.all(names.map((name) => visitWith(browser, name)));
await browser.close();

const common = new Report('servers');
common.same('all sessions end once the timeout is short', await endSessions(), true);
const [status] = await rows('SELECT batches_waiting, batches_parked, batches_broken FROM openreplay.status');
common.same('openreplay.status', status, { batches_waiting: 0, batches_parked: 0, batches_broken: 0 });
for (const result of results) {
	await checkEnds(result).catch((error) => result.report.failure(error));
	summary(result, Math.round((Date.now() - started) / 1000));
}
const reports = [common, ...results.map(({ report }) => report)];
const failed = reports.reduce((sum, report) => sum + report.failed, 0);
console.log(`browser: ${reports.reduce((sum, report) => sum + report.passed, 0)} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
