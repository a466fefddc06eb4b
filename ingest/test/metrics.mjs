// metrics.mjs - reads Prometheus' text format from standard input and is strict about it
//
// Prints what is wrong, line by line, and exits with 1; prints the number of families and samples otherwise.
import { readFileSync } from 'node:fs';

const text = readFileSync(0, 'utf8');
const wrong = [];
const families = new Map(); // name -> { help, type, samples: [{ name, labels, value }] }
const seen = new Set();
let current = null;

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const VALUE = '[+-]?(?:Inf|NaN|[0-9]+(?:\\.[0-9]+)?(?:e[+-]?[0-9]+)?)';
const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`);
const sample = new RegExp(`^(${NAME})(?:\\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*",?)*)\\})? (${VALUE})$`);
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

function readLabels(source, line) {
	const labels = {};
	label.lastIndex = 0;
	while (label.lastIndex < source.length) {
		const match = label.exec(source);
		if (match === null) {
			wrong.push(`labels: ${line}`);
			return labels;
		}
		if (match[1] in labels) wrong.push(`label ${match[1]} twice: ${line}`);
		labels[match[1]] = match[2];
	}
	if (source.endsWith(',')) wrong.push(`comma at the end: ${line}`);
	return labels;
}

// The family a sample belongs to: histograms have three kinds of lines.
function familyOf(name) {
	const base = name.replace(/_(bucket|sum|count)$/, '');
	return families.get(base)?.type === 'histogram' ? base : name;
}

if (!text.endsWith('\n')) wrong.push('no line end at the end');
for (const line of text.split('\n').slice(0, -1)) {
	let match = comment.exec(line);
	if (match !== null) {
		const [, what, name, rest] = match;
		if (what === 'HELP') {
			if (families.has(name)) wrong.push(`HELP twice: ${name}`);
			current = { name, help: rest, type: null, samples: [] };
			families.set(name, current);
		} else if (current?.name !== name || current.type !== null) wrong.push(`TYPE not after its HELP: ${line}`);
		else if (!['counter', 'gauge', 'histogram'].includes(rest)) wrong.push(`type: ${line}`);
		else current.type = rest;
		continue;
	}
	match = sample.exec(line);
	if (match === null) {
		wrong.push(`no sample: ${line}`);
		continue;
	}
	const [, name, labels = '', value] = match;
	const series = `${name}{${labels}}`;
	if (seen.has(series)) wrong.push(`twice: ${series}`);
	seen.add(series);
	if (familyOf(name) !== current?.name || current.type === null) wrong.push(`outside its family: ${line}`);
	else current.samples.push({ name, labels: readLabels(labels, line), value: Number(value.replace('Inf', 'Infinity')) });
}

for (const { name, type, samples } of families.values()) {
	if (type === null) wrong.push(`no TYPE: ${name}`);
	if (type === 'counter' && !name.endsWith('_total')) wrong.push(`a counter's name ends in _total: ${name}`);
	if (type === 'counter' && samples.some((one) => !(one.value >= 0))) wrong.push(`a counter is negative: ${name}`);
	if (samples.some((one) => Number.isNaN(one.value))) wrong.push(`not a number: ${name}`);
	if (type !== 'histogram') continue;
	const groups = new Map();
	for (const one of samples) {
		const { le, ...others } = one.labels;
		const key = JSON.stringify(others);
		if (!groups.has(key)) groups.set(key, { buckets: [], sum: null, count: null });
		const group = groups.get(key);
		if (one.name === `${name}_bucket`) group.buckets.push([Number(le?.replace('Inf', 'Infinity')), one.value]);
		else if (one.name === `${name}_sum`) group.sum = one.value;
		else if (one.name === `${name}_count`) group.count = one.value;
		else wrong.push(`in a histogram: ${one.name}`);
	}
	for (const [key, { buckets, sum, count }] of groups) {
		for (let i = 1; i < buckets.length; i++)
			if (!(buckets[i][0] > buckets[i - 1][0] && buckets[i][1] >= buckets[i - 1][1])) wrong.push(`buckets: ${name}${key}`);
		if (buckets.at(-1)?.[0] !== Infinity || buckets.at(-1)?.[1] !== count || sum === null) wrong.push(`sum and count: ${name}${key}`);
	}
}

console.log(wrong.length > 0 ? wrong.join('\n') : `${families.size} families, ${seen.size} samples`);
process.exit(wrong.length > 0 ? 1 : 0);
