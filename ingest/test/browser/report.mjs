// Counts what held and says one line about each thing that did not.
import { isDeepStrictEqual } from 'node:util';

function show(value) {
	const text = JSON.stringify(value) ?? String(value);
	return text.length > 600 ? `${text.slice(0, 600)}...` : text;
}

function isObject(value) {
	return typeof value === 'object' && value !== null;
}

// Only what differs of two objects, or the first elements that differ of two arrays of one length.
function difference(actual, expected) {
	const comparable = isObject(actual) && isObject(expected) && Array.isArray(actual) === Array.isArray(expected);
	if (!comparable || (Array.isArray(actual) && actual.length !== expected.length)) {
		return `${show(actual)}, expected ${show(expected)}`;
	}
	const keys = Object.keys({ ...actual, ...expected }).filter((key) => !isDeepStrictEqual(actual[key], expected[key]));
	if (Array.isArray(actual)) {
		return `[${keys[0]}] ${difference(actual[keys[0]], expected[keys[0]])}`;
	}
	return keys.map((key) => `${key} ${show(actual[key])}, expected ${show(expected[key])}`).join('; ');
}

export class Report {
	passed = 0;
	failed = 0;

	constructor(name) {
		this.name = name;
	}

	#count(held, line) {
		if (held) {
			this.passed += 1;
		} else {
			this.failed += 1;
			console.log(`browser: ${this.name}: not ok: ${line}`);
		}
		return held;
	}

	same(what, actual, expected) {
		const held = isDeepStrictEqual(actual, expected);
		return this.#count(held, held ? '' : `${what}: ${difference(actual, expected)}`);
	}

	near(what, actual, expected, tolerance) {
		const held = typeof actual === 'number' && Math.abs(actual - expected) <= tolerance;
		return this.#count(held, `${what}: ${show(actual)}, expected ${expected} +- ${tolerance}`);
	}

	between(what, actual, low, high) {
		const held = typeof actual === 'number' && actual >= low && actual <= high;
		return this.#count(held, `${what}: ${show(actual)}, expected ${low} to ${high}`);
	}

	// A visit or a check that could not be finished.
	failure(error) {
		this.#count(false, error.message.split('\n')[0]);
	}
}
