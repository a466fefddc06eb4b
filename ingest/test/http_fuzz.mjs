// http_fuzz.mjs URL SECONDS [SEED] - sends an ingest server what no tracker sends
//
// Well-formed requests of every endpoint, with recorded batches among them, are damaged in their bodies, their gzip, their
// headers, their framing or anywhere, sent in pieces, one after the other or at once, and cut off. TOKEN, KEY and CAPTURES are in
// the environment. What was on its way when the server stopped answering is written to build/fuzz/crash-http-*. Prints the seed,
// and JSON counts of requests and of answers by status; exits with 1 when the server is gone, had an internal error, or gave an
// answer without CORS header that libmicrohttpd did not make for what is no HTTP.
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';

const [, , url, seconds, givenSeed] = process.argv;
const { hostname, port } = new URL(url);
const { TOKEN, KEY, CAPTURES } = process.env;
const LANES = 12;
const MOST_AT_ONCE = 60000;

// ---- chance: mulberry32, so that a seed repeats a run ----

const seed = Number(givenSeed ?? Date.now() % 2 ** 31);
let state = seed >>> 0;

function random() {
	state = (state + 0x6d2b79f5) >>> 0;
	let t = Math.imul(state ^ (state >>> 15), state | 1);
	t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
	return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (percent) => random() * 100 < percent;

// ---- well-formed requests ----

const batches = [];
for (const capture of readdirSync(CAPTURES))
	for (const name of readdirSync(`${CAPTURES}/${capture}/bodies`)) batches.push(readFileSync(`${CAPTURES}/${capture}/bodies/${name}`));

const json = (value) => Buffer.from(JSON.stringify(value));
const batch = () => pick(batches).subarray(0, MOST_AT_ONCE);

const image = () => batch().subarray(0, below(5000));
function frames() {
	const bytes = image();
	const head = Buffer.alloc(12);
	head.writeBigUInt64LE(BigInt(Date.now()));
	head.writeUInt32LE(bytes.length, 8);
	return Buffer.concat([head, bytes, head.subarray(0, below(13))]);
}
function archive() {
	const bytes = image();
	const head = Buffer.alloc(512);
	head.write(pick(['1760000000123_1_1760000000456.jpeg', '../1_1_2.png', 'passwd']));
	head.write(bytes.length.toString(8).padStart(11, '0'), 124);
	head.write('        0', 148);
	head.write(head.reduce((sum, byte) => sum + byte).toString(8).padStart(6, '0') + '\0 ', 148);
	return Buffer.concat([head, bytes, Buffer.alloc(512 - (bytes.length % 512) + 512 * below(3))]);
}
function form() {
	const parts = [];
	for (let n = below(4) + 1; n > 0; n--) {
		const field = pick(['17', 'snapshot', 'frames', 'batch']);
		const name = pick(['1_42_3.jpeg', '1760000000123_42.webp.frames', '../x', 'a.tar.gz', '']);
		const bytes = pick([image, frames, () => gzipSync(frames()), () => gzipSync(archive())])();
		parts.push(Buffer.from(`--b\r\nContent-Disposition: form-data; name="${field}"; filename="${name}"\r\n\r\n`), bytes, Buffer.from('\r\n'));
	}
	return Buffer.concat([...parts, Buffer.from('--b--\r\n')]);
}

const ODD = [null, true, -1, 1e308, '', '\u0000', '\ud800', 'x'.repeat(9000), [], {}, [[]], '1e5', 9007199254740993];
function start() {
	const body = { projectKey: KEY, trackerVersion: pick(['19.0.1', '14.0.14', '1.0.9', 'x']), timestamp: Date.now(), userUUID: null, token: TOKEN,
		userID: 'somebody', platform: pick(['web', 'ios', 'android']), width: 1920, height: 1080, bufferDiff: 5, doNotRecord: chance(50) };
	for (let n = below(4); n > 0; n--) body[pick(Object.keys(body))] = pick(ODD);
	return json(body);
}
const fields = () => json({ projectID: pick(['1', 1, '-1', 'x']), os: 'Linux', device: '', country: 'UN', browser: 'Chrome', userID: pick(ODD), referrer: pick(ODD),
	metadata: pick(ODD), persistFlags: pick(ODD), testId: 1, taskId: pick(ODD), status: pick(['begin', 'done', 'skipped', 7]), duration: pick(ODD), events: pick(ODD) });

const endpoints = [
	['POST', '/v1/web/start', start], ['POST', '/v1/mobile/start', start], ['POST', '/v1/sdk/start', start], ['POST', '/v1/web/not-started', start],
	['POST', '/v1/web/i', batch], ['POST', '/v1/web/i?batch=1_2_3&split=100', batch], ['POST', '/v1/mobile/i', batch], ['POST', '/v1/mobile/late', batch],
	['POST', '/v1/sdk/i', fields], ['POST', '/v1/web/images', form], ['POST', '/v1/mobile/images', form], ['POST', '/v1/web/feature-flags', fields],
	['POST', '/v1/web/uxt/signals/test', fields], ['POST', '/v1/web/uxt/signals/task', fields], ['GET', '/v1/web/uxt/test/1', null],
	['GET', '/v1/web/tags', null], ['GET', '/v1/web/conditions/1', null], ['GET', '/v1/mobile/conditions/1', null], ['OPTIONS', '/v1/web/i', null],
	['GET', '/health', null], ['GET', '/metrics', null], ['GET', '/', null],
];

// ---- damage ----

const WORDS = ['\r\n', '\n', '\0', '{', '[', '"', '\\u', '0', '-', '%', '/ingest', '//', '..', 'chunked', '\xff\xff\xff\xff', '--b', 'boundary=', 'A'.repeat(300)];

function damage(bytes) {
	let result = Buffer.from(bytes);
	for (let n = below(6) + 1; n > 0; n--) {
		const at = below(result.length + 1);
		switch (below(5)) {
			case 0: if (result.length > 0) result[at % result.length] = below(256); break;
			case 1: result = result.subarray(0, at); break;
			case 2: result = Buffer.concat([result.subarray(0, at), Buffer.from(pick(WORDS), 'latin1'), result.subarray(at)]); break;
			case 3: result = Buffer.concat([result.subarray(0, at), result.subarray(Math.min(result.length, at + below(64)))]); break;
			case 4: result = Buffer.concat([result, result.subarray(at, at + below(2000))]); break;
		}
	}
	return result;
}

function inChunks(body) {
	const parts = [];
	for (let at = 0; at < body.length; ) {
		const size = below(3000) + 1;
		const part = body.subarray(at, at + size);
		parts.push(Buffer.from(`${chance(98) ? part.length.toString(16) : pick(['', '-1', 'ffffffffffffffff', 'zz', '0x5'])}${chance(5) ? ';x=y' : ''}\r\n`), part, Buffer.from('\r\n'));
		at += size;
	}
	return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

function request() {
	const [method, path, make] = pick(endpoints);
	let body = make === null ? Buffer.alloc(0) : make();
	const headers = ['Host: x', `User-Agent: ${chance(90) ? 'Mozilla/5.0 (X11; Linux x86_64) Chrome/129.0.0.0 Safari/537.36' : damage(Buffer.from('Mozilla/5.0 (iPhone)')).toString('latin1')}`];
	if (chance(40)) body = damage(body);
	if (chance(30)) {
		body = gzipSync(body);
		if (chance(30)) body = damage(body);
		headers.push('Content-Encoding: gzip');
	}
	if (chance(95)) headers.push(`Authorization: Bearer ${chance(90) ? TOKEN : damage(Buffer.from(TOKEN)).toString('latin1')}`);
	if (make === form) headers.push(`Content-Type: ${chance(85) ? 'multipart/form-data; boundary=b' : damage(Buffer.from('multipart/form-data; boundary=b')).toString('latin1')}`);
	if (chance(20)) headers.push(`DataType: ${pick(['player', 'assets', 'visual', 'devtools', 'analytics', ''])}`);
	for (let n = chance(20) ? below(4) : 0; n > 0; n--) headers.push(`${pick(['X-Forwarded-For', 'X-Real-Ip'])}: ${pick(['203.0.113.7', '[2001:db8::1]:5, 10.0.0.1', 'x', ',,', '1.2.3.4, '.repeat(200)])}`);
	if (chance(3)) for (let n = below(200); n > 0; n--) headers.push(`X-${n}: ${n}`);
	if (chance(3)) headers.push(`Cookie: ${'c'.repeat(below(40000))}`);
	if (chance(5)) headers.push('Expect: 100-continue');
	if (chance(3)) headers.push('Connection: close');
	if (chance(20)) {
		headers.push('Transfer-Encoding: chunked');
		body = inChunks(body);
	} else if (body.length > 0) headers.push(`Content-Length: ${chance(95) ? body.length : pick([body.length - 1, body.length + 9, '-1', 'x', '99999999999999999999', ''])}`);
	const whole = Buffer.concat([Buffer.from(`${chance(97) ? method : pick(['GET', 'PUT', 'HEAD', 'X'])} ${chance(10) ? '/ingest' : ''}${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
	return chance(8) ? damage(whole) : whole;
}

// ---- sending ----

const result = { requests: 0, connections: 0, refused: 0, statuses: {}, ownPages: 0, internalErrors: 0, withoutCors: [] };
const underWay = new Set();
const until = Date.now() + Number(seconds) * 1000;
let refusedInARow = 0;

// The answers in what came back; a body never looks like the first line of an answer.
function count(text) {
	for (const answer of text.split(/(?=HTTP\/1\.[01] [0-9]{3} )/)) {
		const status = /^HTTP\/1\.[01] ([0-9]{3}) /.exec(answer)?.[1];
		if (status === undefined || status === '100') continue;
		result.statuses[status] = (result.statuses[status] ?? 0) + 1;
		const end = answer.indexOf('\r\n\r\n');
		if (end < 0) continue; // cut off
		const head = answer.slice(0, end);
		const body = answer.slice(end + 4);
		if (body.includes('"internal error"')) result.internalErrors++;
		const ownPage = status[0] !== '2' && (body === '' || '<html>'.startsWith(body.slice(0, 6)));
		if (ownPage) result.ownPages++;
		else if (!/^access-control-allow-origin: \*\r?$/im.test(head)) result.withoutCors.push(head);
	}
}

function pause(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

function converse() {
	return new Promise((resolve) => {
		const requests = Array.from({ length: chance(70) ? 1 : below(4) + 1 }, request);
		const bytes = Buffer.concat(requests);
		const stream = chance(5) ? bytes.subarray(0, below(bytes.length)) : bytes;
		const socket = connect(Number(port), hostname);
		let heard = '';
		let done = false;
		const finish = (refused) => {
			if (done) return;
			done = true;
			clearTimeout(timer);
			socket.destroy();
			underWay.delete(bytes);
			refusedInARow = refused ? refusedInARow + 1 : 0;
			result.refused += refused ? 1 : 0;
			count(heard);
			resolve();
		};
		// long enough for most answers; who waits for the rest of a request is left waiting
		const timer = setTimeout(finish, chance(90) ? 150 : 1500, false);
		underWay.add(bytes);
		result.connections++;
		result.requests += requests.length;
		socket.on('connect', async () => {
			for (let at = 0; at < stream.length && !done; ) {
				const size = chance(70) ? stream.length : below(4000) + 1;
				socket.write(stream.subarray(at, at + size));
				at += size;
				if (at < stream.length) await pause(below(4));
			}
			if (chance(10)) socket.end();
		});
		socket.on('data', (data) => {
			heard += data.toString('latin1');
			if (heard.split(/HTTP\/1\.[01] (?!100)[0-9]{3} /).length > requests.length) setTimeout(finish, 2, false);
		});
		socket.on('close', () => finish(false));
		socket.on('error', (error) => finish(error.code === 'ECONNREFUSED'));
	});
}

async function lane() {
	while (Date.now() < until && refusedInARow < 20) {
		if (refusedInARow > 0) keepEvidence();
		await converse();
	}
}

let kept = false;
function keepEvidence() {
	if (kept) return;
	kept = true;
	mkdirSync('build/fuzz', { recursive: true });
	[...underWay].forEach((bytes, n) => writeFileSync(`build/fuzz/crash-http-${seed}-${n}`, bytes));
}

console.log(`seed ${seed}`);
await Promise.all(Array.from({ length: LANES }, lane));
result.withoutCors.splice(3);
console.log(JSON.stringify(result));
process.exit(refusedInARow > 0 || result.internalErrors + result.withoutCors.length > 0 ? 1 : 0);
