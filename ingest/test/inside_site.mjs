// inside_site.mjs - a site outside, servers inside, and a name server that changes its mind; for inside_test.sh, in a network of its own
//
// Prints "ready", "asked NAME" for each look-up of an IPv4 address, and "reached ADDRESS:PORT" when somebody gets to a server inside.
import dgram from 'node:dgram';
import http from 'node:http';

const outside = '11.22.33.44';
const sheet = { 'Content-Type': 'text/css' };

// ---- names: what each look-up is answered; the last answer stays ----

const names = {
	'public.example': [[outside]],
	'inside.example': [['127.0.0.1']],
	'lan.example': [['10.0.0.1']],
	'six.example': [['::1']],
	'mapped.example': [['::ffff:127.0.0.1']],
	'both.example': [['11.22.33.45', '127.0.0.1']], // nobody is at the first
	'turning.example': [[outside], ['169.254.169.254']],
	'rebind.example': [[outside], ['127.0.0.1']],
};

function addressBytes(address) {
	if (!address.includes(':'))
		return Buffer.from(address.split('.').map(Number));
	if (address === '::1')
		return Buffer.from([...Array(15).fill(0), 1]);
	return Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), addressBytes(address.replace('::ffff:', ''))]);
}

function answerName(query) {
	const labels = [];
	let at = 12;
	while (query[at] !== 0) {
		labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
		at += query[at] + 1;
	}
	const name = labels.join('.').toLowerCase();
	const type = query.readUInt16BE(at + 1);
	const question = query.subarray(12, at + 5);
	const turns = names[name] ?? [[]];
	const addresses = turns[0].filter((one) => (type === 1 && !one.includes(':')) || (type === 28 && one.includes(':')));
	if (type === 1) {
		console.log(`asked ${name}`);
		if (turns.length > 1)
			turns.shift();
	}
	const head = Buffer.alloc(12);
	query.copy(head, 0, 0, 2);
	head.writeUInt16BE(name in names ? 0x8580 : 0x8583, 2);
	head.writeUInt16BE(1, 4);
	head.writeUInt16BE(addresses.length, 6);
	const records = addresses.map((one) => {
		const data = addressBytes(one);
		const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length]); // for no second
		return Buffer.concat([record, data]);
	});
	return Buffer.concat([head, question, ...records]);
}

const nameServer = dgram.createSocket('udp4');
nameServer.on('message', (query, from) => nameServer.send(answerName(query), from.port, from.address));

// ---- servers ----

function listen(handler, host, port) {
	return new Promise((resolve) => http.createServer(handler).listen({ host, port, ipv6Only: true }, resolve));
}

function serveSite(request, out) {
	const target = /^\/to\/(.*)\.css$/.exec(request.url);
	if (target)
		out.writeHead(302, { Location: Buffer.from(decodeURIComponent(decodeURIComponent(target[1]))).toString('latin1') }).end();
	else if (request.url === '/turn.css')
		out.writeHead(302, { Location: 'http://turning.example:8080/x.css' }).end();
	else
		out.writeHead(200, sheet).end('a{}');
}

function trap(address, port) {
	return listen((request, out) => {
		console.log(`reached ${address}:${port}`);
		out.writeHead(200, sheet).end('secret{}');
	}, address, port);
}

await new Promise((resolve) => nameServer.bind(53, '127.0.0.1', resolve));
await listen(serveSite, outside, 80);
for (const address of ['127.0.0.1', '::1', '10.0.0.1', '169.254.169.254', 'fd00::1'])
	await trap(address, 80);
await trap('127.0.0.1', 8080);
await trap('169.254.169.254', 8080);
await trap(outside, 25);
console.log('ready');
