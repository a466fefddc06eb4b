// SQL through psql, which finds the server by the PG* variables that run.sh exports.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const psql = process.env.PSQL ?? 'psql';

export async function execute(sql) {
	const { stdout } = await run(psql, ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', sql], { maxBuffer: 64 << 20 });
	return stdout.trim();
}

// Rows as objects. A bigint beyond 2^53 must be selected as text.
export async function rows(query) {
	return JSON.parse(await execute(`SELECT coalesce(json_agg(r), '[]') FROM (${query}) r`));
}

export async function row(query) {
	return (await rows(query))[0];
}

export function quote(text) {
	return `'${text.replaceAll("'", "''")}'`;
}

export function sleep(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

// The first answer that is not false or undefined, or undefined after limit_ms.
export async function until(ask, limit_ms, pause_ms = 200) {
	const end = Date.now() + limit_ms;
	for (;;) {
		const found = await ask();
		if (found !== undefined && found !== false) {
			return found;
		}
		if (Date.now() > end) {
			return undefined;
		}
		await sleep(pause_ms);
	}
}
