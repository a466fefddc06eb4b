// attack.mjs URL KIND [KEY=VALUE...] - a client that takes without giving; prints what became of its connections
//
//   headers   sends a byte of its headers now and then           body      the same with its body
//   silent    connects and says nothing                          idle      asks once, then says nothing
//   hold      sends all but the last byte of a body, and waits   connect   connects, waits
//
// connections=N (10), token=T, size=BYTES of each body (900000), clients=N: that many addresses in X-Forwarded-For (0: none),
// every=MS between bytes (100), say=FILE: is written once all is sent, stop=FILE: ends when it is there. Each connection is closed by
// the server or lives until the end; printed are JSON counts of closed, alive, and of the answers by status.
import { connect } from 'node:net';
import { existsSync, writeFileSync } from 'node:fs';

const [, , url, kind, ...pairs] = process.argv;
const given = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s)));
const count = Number(given.connections ?? 10);
const size = Number(given.size ?? 900000);
const clients = Number(given.clients ?? 0);
const { hostname, port } = new URL(url);
const result = { closed: 0, alive: count, answers: {} };
const GIVE_UP_MS = 60000;
let unsent = count;

function sent() {
	if (--unsent === 0 && given.say) writeFileSync(given.say, 'sent\n');
}

function address(number) {
	return `203.0.${113 + ((number % clients) >> 8)}.${(number % clients) & 255}`;
}

function head(number) {
	const forwarded = clients > 0 ? `X-Forwarded-For: ${address(number)}\r\n` : '';
	return `POST /v1/web/i HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${given.token}\r\n${forwarded}Content-Length: ${size}\r\n`;
}

function drip(socket) {
	const timer = setInterval(() => socket.write('x'), Number(given.every ?? 100));
	socket.on('close', () => clearInterval(timer));
}

const deeds = {
	headers: (socket, number) => (socket.write(`${head(number)}X-Long: `), drip(socket), sent()),
	body: (socket, number) => (socket.write(`${head(number)}\r\n`), drip(socket), sent()),
	silent: () => sent(),
	connect: () => sent(),
	idle: (socket) => (socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), sent()),
	hold: (socket, number) => (socket.write(`${head(number)}\r\n`), socket.write(Buffer.alloc(size - 1, number), sent)),
};

function finish() {
	console.log(JSON.stringify(result));
	process.exit(0);
}

for (let number = 0; number < count; number++) {
	const socket = connect(Number(port), hostname, () => deeds[kind](socket, number));
	let closed = false;
	socket.on('data', (data) => {
		const status = /^HTTP\/1\.. ([0-9]+)/.exec(data.toString('latin1'))?.[1] ?? 'other';
		result.answers[status] = (result.answers[status] ?? 0) + 1;
	});
	socket.on('error', () => {});
	socket.on('close', () => {
		if (closed) return;
		closed = true;
		result.closed++;
		result.alive--;
		if (result.alive === 0 && !given.stop) finish();
	});
}
setInterval(() => given.stop && existsSync(given.stop) && finish(), 50);
setTimeout(finish, GIVE_UP_MS);
