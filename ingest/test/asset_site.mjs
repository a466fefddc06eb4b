// asset_site.mjs - a site with style sheets and fonts, good ones and traps; prints "ready PORT", counts what is asked for
import http from 'node:http';
import zlib from 'node:zlib';

const asked = [];
const sheet = { 'Content-Type': 'text/css; charset=utf-8' };
const twice = zlib.gzipSync(zlib.gzipSync(Buffer.alloc(64 << 20)));
const bomb = zlib.gzipSync(Buffer.alloc(64 << 20));
/* Answers 503 the first time. */
function late(text) {
	let came = 0;
	return (out) => out.writeHead(came++ === 0 ? 503 : 200).end(text);
}
const answers = {
	'/main.css': (out) => out.writeHead(200, sheet).end('@import "more.css"; a:hover{src:url(f.woff2)} b{src:url(gone.woff)} i{background:url(i.png)}'),
	'/more.css': (out) => out.writeHead(200, sheet).end('@import "main.css"; c{src:url("deep/g.ttf")}'),
	'/f.woff2': (out) => out.writeHead(200, { 'Content-Type': 'font/woff2' }).end('font f'),
	'/deep/g.ttf': (out) => out.writeHead(200).end('font g'),
	'/page.css': (out) => out.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>not found'),
	'/large.css': (out) => out.writeHead(200, sheet).end(Buffer.alloc(2 << 20, 'a')),
	'/bomb.css': (out) => out.writeHead(200, { ...sheet, 'Content-Encoding': 'gzip' }).end(bomb),
	'/bombs.css': (out) => out.writeHead(200, { ...sheet, 'Content-Encoding': 'gzip, gzip' }).end(twice),
	'/endless.css': (out) => {
		const block = Buffer.alloc(65536, 'a');
		const pump = () => { while (out.write(block)); };
		out.writeHead(200, sheet);
		out.on('drain', pump);
		pump();
	},
	'/headers.css': (out) => {
		const line = Buffer.from(`X-A: ${'a'.repeat(1000)}\r\n`);
		const timer = setInterval(() => out.socket.write(Buffer.concat(Array(50).fill(line))), 2);
		out.socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/css\r\n');
		out.socket.on('error', () => {});
		out.socket.on('close', () => clearInterval(timer));
	},
	// not there at first; its font and what the sheet in it names come later still
	'/late.css': (out) => out.writeHead(200, sheet).end('@import "later.css"; a{src:url(late.woff)} b{src:url(never.woff2)}'),
	'/later.css': (out) => out.writeHead(200, sheet).end('c{src:url(latest.ttf)}'),
	'/late.woff': late('late'),
	'/latest.ttf': late('latest'),
	'/never.woff2': (out) => out.writeHead(503).end(),
	'/file.css': (out) => out.writeHead(302, { Location: 'file:///etc/passwd' }).end(),
	'/round.css': (out) => out.writeHead(302, { Location: '/round.css' }).end(),
	'/old/sheet.css': (out) => out.writeHead(302, { Location: '/new/sheet.css?v=2' }).end(),
	'/new/sheet.css?v=2': (out) => out.writeHead(200, sheet).end('a{src:url(x.woff),url(../i.png)}'),
	'/new/x.woff': (out) => out.writeHead(200).end('font x'),
	'/moved.css': (out) => out.writeHead(301, { Location: '/f.woff2' }).end(),
	'/link.css': (out) => out.writeHead(302, { Location: 'http://169.254.169.254/latest/x.css' }).end(),
	'/drip.css': (out) => {
		out.writeHead(200, sheet);
		const timer = setInterval(() => out.write('a'), 100);
		out.on('close', () => clearInterval(timer));
	},
	'/asked': (out) => out.end(asked.sort().join(' ')),
};
const server = http.createServer((request, out) => {
	if (request.url !== '/asked')
		asked.push(request.url);
	if (request.url.startsWith('/any/')) // says what was asked for
		out.writeHead(200, sheet).end(`/* ${request.url} */`);
	else
		(answers[request.url] ?? (() => out.writeHead(404).end()))(out);
});
server.listen(0, '127.0.0.1', () => console.log(`ready ${server.address().port}`));
