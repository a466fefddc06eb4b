// The site that is visited: a few pages, their script bundled with one version of the tracker, and an API that fails.
import { readFile } from 'node:fs/promises';
import { createServer, request as startRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { API_DELAY_MS, ORDER, STOCK } from './site/facts.js';

const folder = new URL('./site/', import.meta.url);
const pages = ['letter', 'shop', 'cart', 'thanks'];

export async function bundle(trackerPackage) {
	const result = await build({
		entryPoints: [fileURLToPath(new URL('page.js', folder))],
		absWorkingDir: fileURLToPath(new URL('.', import.meta.url)), // aliases are resolved from here
		alias: { '@openreplay/tracker': trackerPackage },
		bundle: true,
		write: false,
		format: 'esm',
		target: 'es2022',
		logLevel: 'error',
	});
	return result.outputFiles[0].text;
}

// Content-Length on everything: the trackers do not look into chunked answers.
function answer(response, status, type, body) {
	response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
	response.end(body);
}

// What a reverse proxy does that has the ingest server under the site's own name.
function forward(request, response, target) {
	const { hostname, port } = new URL(target);
	const onward = startRequest({ hostname, port, method: request.method, path: request.url, headers: request.headers });
	onward.on('response', (reply) => {
		response.writeHead(reply.statusCode, reply.headers);
		reply.pipe(response);
	});
	onward.on('error', () => response.destroy());
	request.pipe(onward);
}

// settings: what window.settings shall be. ingestUrl: where /ingest leads.
export async function startSite(script, settings, ingestUrl) {
	const files = new Map([
		['/page.js', ['text/javascript', script]],
		['/settings.js', ['text/javascript', `window.settings = ${JSON.stringify(settings)};`]],
		['/shop.css', ['text/css', await readFile(new URL('shop.css', folder), 'utf8')]],
		['/favicon.ico', ['image/x-icon', '']],
	]);
	for (const page of pages) {
		files.set(`/${page}`, ['text/html; charset=utf-8', await readFile(new URL(`${page}.html`, folder), 'utf8')]);
	}
	const server = createServer((request, response) => {
		const { pathname } = new URL(request.url, 'http://site');
		const call = [STOCK, ORDER].find((known) => known.path === pathname && known.method === request.method);
		if (pathname.startsWith('/ingest/')) {
			forward(request, response, ingestUrl);
		} else if (call) {
			request.resume();
			setTimeout(() => answer(response, call.status, 'application/json', '{"lamps":41}'), API_DELAY_MS);
		} else if (files.has(pathname)) {
			answer(response, 200, ...files.get(pathname));
		} else {
			answer(response, 404, 'text/plain', `no ${pathname} here`);
		}
	});
	await new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(0, '127.0.0.1', resolve);
	});
	const host = `127.0.0.1:${server.address().port}`;
	return {
		host,
		origin: `http://${host}`,
		close: () => {
			server.close();
			server.closeAllConnections();
		},
	};
}
