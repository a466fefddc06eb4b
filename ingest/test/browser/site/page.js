// The script of all pages but the letter: starts the tracker as a shop would and gives the buttons their deeds.
import Tracker from '@openreplay/tracker';
import * as facts from './facts.js';

// From /settings.js: known only when the servers run. Without an ingest point of its own the site forwards /ingest.
const { projectKey, ingestPoint = `${location.origin}/ingest` } = window.settings;

const tracker = new Tracker({
	projectKey,
	ingestPoint,
	__DISABLE_SECURE_MODE: true,
	revID: facts.REV_ID,
	defaultInputMode: 0, // plain: what is masked then is masked for a reason
});

window.tracker = tracker;
window.started = tracker.start(
	location.pathname === '/shop' ? { userID: facts.GUEST, metadata: { plan: facts.PLAN } } : undefined,
);

// A canvas is recorded as images, so it has to move.
const canvas = document.querySelector('canvas');
let drawn = 0;
if (canvas) {
	setInterval(() => {
		const context = canvas.getContext('2d');
		drawn += 1;
		context.fillStyle = `hsl(${(drawn * 7) % 360} 80% 50%)`;
		context.fillRect(0, 0, canvas.width, canvas.height);
	}, 40);
}

const deeds = {
	fill: () => tracker.event(facts.FILLED.name, facts.FILLED.payload),
	stock: () => fetch(`${facts.STOCK.path}?${facts.STOCK.query}`),
	order: () => fetch(facts.ORDER.path, { method: facts.ORDER.method, body: '{}' }),
	weigh: () => {
		throw new RangeError(facts.WEIGHED.message);
	},
	lamp: () => history.pushState(null, '', `${facts.LAMP.path}?${facts.LAMP.query}`),
	sign: () => {
		tracker.setUserID(facts.CUSTOMER);
		tracker.setMetadata('cart', facts.CART);
	},
	praise: () => {},
};

for (const [id, deed] of Object.entries(deeds)) {
	document.getElementById(id)?.addEventListener('click', deed);
}
