// receivers.mjs - a hook server and a mail server that do what they are told to, and remember what came
//
//   node receivers.mjs
//
// Prints "ready CONTROL HOOKS MAIL", its three ports on loopback. Control:
//   PUT /modes          {"/path": mode}: a status; "hang" (no answer), "slow" (an answer after 4 s), "redirect" (to /elsewhere),
//                       "flood" (an answer without end). Others are answered 200
//   PUT /hooks, /mail   "down" or "up": whether they listen
//   GET /hooks, /mails  what came, a line each
import { createServer } from 'node:http';
import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';
import { simpleParser } from 'mailparser';

const user = 'bot';
const password = 'the mail secret';
const hooks = [];
const mails = [];
let modes = {};

const answer = (request, response, body) => {
	const mode = modes[request.url] ?? 200;
	hooks.push([
		request.method, request.url, mode, request.headers.authorization ?? '-', request.headers['idempotency-key'] ?? '-',
		request.headers['content-type'], body,
	].join(' '));
	if (mode === 'hang') return;
	if (mode === 'slow') setTimeout(() => response.end('late'), 4000);
	else if (mode === 'redirect') response.writeHead(302, { location: '/elsewhere' }).end();
	else if (mode === 'flood') {
		response.writeHead(200);
		const pour = () => { while (!response.destroyed && response.write('x'.repeat(65536))); };
		response.on('drain', pour);
		pour();
	} else response.writeHead(mode).end(request.headers.authorization); // as hooks do that show what they got
};

const text = async (request) => {
	const parts = [];
	for await (const part of request) parts.push(part);
	return Buffer.concat(parts).toString();
};

const hook_server = createServer(async (request, response) => answer(request, response, await text(request)));
const make_mail_server = () => new SMTPServer({
	authMethods: ['PLAIN', 'LOGIN'],
	authOptional: true,
	logger: false,
	onAuth: (auth, session, done) => (auth.username === user && auth.password === password
		? done(null, { user })
		: done(Object.assign(new Error('who are you'), { responseCode: 535 }))),
	onRcptTo: (address, session, done) => (address.address.startsWith('nobody@')
		? done(Object.assign(new Error('no such mailbox'), { responseCode: 550 }))
		: done()),
	onData: async (stream, session, done) => {
		const mail = await simpleParser(stream);
		mails.push([
			session.envelope.mailFrom.address, session.envelope.rcptTo.map((to) => to.address).join(','), session.user ?? '-',
			session.secure ? 'tls' : 'plain', mail.from.text, mail.to.text, mail.messageId, JSON.stringify(mail.subject),
			JSON.stringify(mail.text), JSON.stringify(mail.html),
		].join(' | '));
		done();
	},
});
let mail_server = make_mail_server();
mail_server.on('error', () => {});

const listen = async (server, port) => {
	server.listen(port, '127.0.0.1');
	await once(server, 'listening');
	return server.address().port;
};
const hook_port = await listen(hook_server, 0);
mail_server.listen(0, '127.0.0.1');
await once(mail_server.server, 'listening');
const mail_port = mail_server.server.address().port;

const control = createServer(async (request, response) => {
	const said = await text(request);
	if (request.method === 'GET') {
		const list = request.url === '/hooks' ? hooks : mails;
		response.end(list.splice(0).map((line) => `${line}\n`).join(''));
		return;
	}
	if (request.url === '/modes') modes = JSON.parse(said);
	else if (request.url === '/hooks' && said === 'down') {
		hook_server.closeAllConnections();
		await new Promise((done) => { hook_server.close(done); });
	} else if (request.url === '/hooks') await listen(hook_server, hook_port);
	else if (said === 'down') await new Promise((done) => { mail_server.close(done); });
	else {
		mail_server = make_mail_server();
		mail_server.on('error', () => {});
		mail_server.listen(mail_port, '127.0.0.1');
		await once(mail_server.server, 'listening');
	}
	response.end();
});
console.log(`ready ${await listen(control, 0)} ${hook_port} ${mail_port}`);
