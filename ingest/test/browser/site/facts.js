// What the pages do, known to the pages and to the test: the values that must be found in SQL.

export const REV_ID = 'shop-412';

// The first page starts the tracker with these; the pages after it continue the session without.
export const GUEST = 'guest-31';
export const PLAN = 'free trial';

// What a click on "Sign in" tells the tracker.
export const CUSTOMER = 'customer-7';
export const CART = '2 lamps';

export const FILLED = { name: 'cart filled', payload: { items: 2, total: 59.9, currency: '€', lamps: ['oak', 'brass'] } };
export const WEIGHED = { name: 'RangeError', message: 'The cart weighs 72 kg' };
export const STOCK = { method: 'GET', path: '/api/stock', query: 'lamp=oak&shop=3', status: 200 };
export const ORDER = { method: 'POST', path: '/api/order', query: '', status: 500 };
export const LAMP = { path: '/shop/lamp', query: 'size=large' };
export const LETTER_QUERY = 'utm_source=letter&utm_campaign=autumn';

// How long the site thinks about a request to /api.
export const API_DELAY_MS = 60;
