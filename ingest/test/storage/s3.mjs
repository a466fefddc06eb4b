/*
 * s3.mjs - an S3 server for tests: s3rver stores, in front of it every request's signature is verified, and faults can be ordered
 *
 *   node s3.mjs DIRECTORY SECRET        prints "port N" when it is ready; access key S3RVER, buckets mobs and copies, region us-test-1
 *
 * The signature is computed anew by aws4, from the request as it arrived, and the body's hash is compared with the one that was signed.
 * PUT /-/faults takes a JSON array, one fault for each of the next requests: "pass", 503 and other statuses, "cut" (the connection,
 * in the middle of the request), "cut answer" (done, but the answer ends early), "hang" (no answer, ever), "damage" (a byte of the body
 * changes on its way), {"status": 503, "code": "SlowDown", "after": 1}: refused with that code, and Retry-After.
 * GET /-/requests tells "METHOD status" of what came since it was last asked, GET /-/tags "METHOD PATH TAGS" of what had tags.
 */
import crypto from 'node:crypto';
import http from 'node:http';
import aws4 from 'aws4';
import S3rver from 's3rver';

const [directory, secret] = process.argv.slice(2);
const accessKey = 'S3RVER'; // the one that s3rver knows
const region = 'us-test-1';
let faults = [];
let seen = [];
let tagged = [];

const backend = new S3rver({
	address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: 'mobs' }, { name: 'copies' }], serviceEndpoint: 'localhost',
});

function refuse(status, code, message)
{
	return { status, body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>` };
}

/* The same for a signed URL. */
function complaintOfUrl(request)
{
	const url = new URL(request.url, `http://${request.headers.host}`);
	const { searchParams: query } = url;
	const date = query.get('X-Amz-Date').replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)$/, '$1-$2-$3:$4:$5');

	if (Date.parse(date) + query.get('X-Amz-Expires') * 1000 < Date.now())
		return refuse(403, 'AccessDenied', 'Request has expired');
	const again = aws4.sign({
		service: 's3', region, method: request.method, signQuery: true, headers: { host: request.headers.host },
		path: `${url.pathname}?X-Amz-Date=${query.get('X-Amz-Date')}&X-Amz-Expires=${query.get('X-Amz-Expires')}`,
	}, { accessKeyId: accessKey, secretAccessKey: secret });
	if (new URL(again.path, url).searchParams.get('X-Amz-Signature') !== query.get('X-Amz-Signature'))
		return refuse(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided.');
	return null;
}

/* Why the request is not what the holder of the key signed, or null. */
function complaint(request, body)
{
	if (request.url.includes('X-Amz-Signature='))
		return complaintOfUrl(request);
	const { headers } = request;
	const found = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
		.exec(headers.authorization ?? '');

	if (!found)
		return refuse(403, 'AccessDenied', 'Access Denied');
	const [, key, day, signedRegion, names] = found;
	if (key !== accessKey)
		return refuse(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
	if (signedRegion !== region)
		return refuse(400, 'AuthorizationHeaderMalformed', `The region '${signedRegion}' is wrong; expecting '${region}'`);
	if (!String(headers['x-amz-date']).startsWith(day))
		return refuse(403, 'AccessDenied', 'the dates differ');
	if (headers['x-amz-content-sha256'] !== crypto.createHash('sha256').update(body).digest('hex'))
		return refuse(400, 'XAmzContentSHA256Mismatch', 'The body is not the one that was signed.');

	const signed = {};
	for (const name of names.split(';'))
		signed[name] = headers[name];
	for (const name of ['host', 'x-amz-content-sha256', 'x-amz-date'])
		if (!(name in signed))
			return refuse(403, 'AccessDenied', `${name} is not signed`);
	for (const name of Object.keys(headers))
		if (name.startsWith('x-amz-') && !(name in signed))
			return refuse(403, 'AccessDenied', `${name} is not signed`);
	const again = aws4.sign({ service: 's3', region, method: request.method, path: request.url, headers: { ...signed } },
		{ accessKeyId: accessKey, secretAccessKey: secret });
	if (again.headers.Authorization !== headers.authorization)
		return refuse(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided.');
	return null;
}

async function read(stream)
{
	const chunks = [];
	for await (const chunk of stream)
		chunks.push(chunk);
	return Buffer.concat(chunks);
}

function forward(request, body, port)
{
	return new Promise((resolve, reject) =>
	{
		const onward = http.request({ host: '127.0.0.1', port, method: request.method, path: request.url, headers: request.headers },
			async (answer) => resolve({ status: answer.statusCode, headers: answer.headers, body: await read(answer) }));
		onward.on('error', reject);
		onward.end(body);
	});
}

async function control(request, response)
{
	if (request.url === '/-/faults')
	{
		faults = JSON.parse(await read(request));
		response.end();
	}
	else if (request.url === '/-/tags')
	{
		response.end(`${tagged.join('\n')}\n`);
		tagged = [];
	}
	else
	{
		response.end(`${seen.join('\n')}\n`);
		seen = [];
	}
}

const { port } = await backend.run();
async function serve(request, response)
{
	if (request.url.startsWith('/-/'))
		return control(request, response);
	const fault = faults.shift() ?? 'pass';
	if (fault === 'cut')
	{
		seen.push(`${request.method} cut`);
		request.once('readable', () => request.socket.destroy());
		return undefined;
	}
	const body = await read(request).catch(() => null);
	if (body === null || fault === 'hang')
	{
		seen.push(`${request.method} ${fault}`);
		return undefined;
	}
	if (fault === 'damage')
		body[body.length >> 1] ^= 1;
	let answer = complaint(request, body);
	if (answer === null && request.headers['x-amz-tagging'] !== undefined)
		tagged.push(`${request.method} ${request.url.split('?')[0]} ${request.headers['x-amz-tagging']}`);
	if (answer === null && typeof fault === 'number')
		answer = refuse(fault, fault === 503 ? 'SlowDown' : 'InternalError', 'as ordered');
	if (answer === null && fault.status)
		answer = { ...refuse(fault.status, fault.code, 'as ordered'), headers: fault.after ? { 'retry-after': fault.after } : {} };
	answer ??= await forward(request, body, port);
	seen.push(`${request.method} ${answer.status}`);
	const headers = { ...answer.headers, 'content-length': answer.body.length };
	delete headers['transfer-encoding'];
	response.writeHead(answer.status, headers);
	if (fault === 'cut answer')
	{
		response.flushHeaders();
		response.socket?.end();
	}
	else
		response.end(answer.body);
	return undefined;
}

/* A client that goes away in the middle is what faults are for. */
const front = http.createServer((request, response) => serve(request, response).catch(() => response.destroy()));
front.listen(0, '127.0.0.1', () => console.log(`port ${front.address().port}`));
