// Feature flags as a site uses them: trackers up to 16 ask for them once a session has started.
//
// isFlagEnabled() of both trackers' API throws whatever a server does: it looks for the flags where they are not. So it is asked
// of the tracker's own object for flags.
import { execute, quote, rows, until } from './database.mjs';
import { startSite } from './site.mjs';
import * as visits from './visit.mjs';

const FLAGS = [
	{ flagKey: 'new-nav', flagType: 'single', isPersist: false, isActive: true, payload: 'wide', conditions: [{ name: 'all', rolloutPercentage: 100, filters: [] }] },
	{
		flagKey: 'guests', flagType: 'single', isPersist: false, isActive: true,
		conditions: [{ name: 'guest', rolloutPercentage: 100, filters: [{ type: 'userId', operator: 'is', value: ['guest@shop.example'] }] }],
	},
	{
		flagKey: 'strangers', flagType: 'single', isPersist: false, isActive: true,
		conditions: [{ name: 'stranger', rolloutPercentage: 100, filters: [{ type: 'userId', operator: 'is', value: ['nobody'] }] }],
	},
	{
		flagKey: 'palette', flagType: 'multi', isPersist: true, isActive: true, conditions: [{ name: 'all', rolloutPercentage: 100, filters: [] }],
		variants: [{ value: 'red', payload: '#f00', rolloutPercentage: 100 }, { value: 'blue', payload: '#00f', rolloutPercentage: 0 }],
	},
];

const setShares = (projectId, red, blue) => execute(`
	UPDATE public.feature_flags_variants v SET rollout_percentage = CASE v.value WHEN 'red' THEN ${red} ELSE ${blue} END
	FROM public.feature_flags f WHERE f.feature_flag_id = v.feature_flag_id AND f.project_id = ${projectId}`);

// What the page is told by the tracker, once flags have come.
async function flagsOf(page) {
	await page.evaluate(() => window.started);
	await until(() => page.evaluate(() => window.tracker.app.featureFlags.isFlagEnabled('new-nav')), 10000, 50);
	return page.evaluate(() => {
		const { tracker } = window;
		const told = (key) => {
			const flag = tracker.getFeatureFlag(key);
			return flag ? [flag.value, flag.payload, flag.is_persist] : null;
		};
		return {
			enabled: ['new-nav', 'guests', 'strangers', 'palette', 'none'].filter((key) => tracker.app.featureFlags.isFlagEnabled(key)),
			nav: told('new-nav'), palette: told('palette'), none: told('none'),
		};
	});
}

export async function checkFlags(browser, tracker, script, report, project, guest) {
	for (const flag of FLAGS) {
		const text = JSON.stringify(flag).replace('guest@shop.example', guest);
		await execute(`SELECT openreplay.save_feature_flag(${project.id}, ${quote(text)})`);
	}
	const site = await startSite(script, { projectKey: project.key, ingestPoint: `${process.env.INGEST_URL}/ingest` });
	const visitor = await visits.newVisitor(browser, site, tracker);
	const another = await visits.newVisitor(browser, site, tracker);
	try {
		const expected = (value, payload) => ({
			enabled: ['new-nav', 'guests', 'palette'], nav: [true, 'wide', false], palette: [value, payload, true], none: null,
		});
		await visitor.page.goto(`${site.origin}/shop`);
		report.same('flags of a visitor', await flagsOf(visitor.page), expected('red', '#f00'));
		const session = await visitor.page.evaluate(() => window.tracker.getSessionID());
		const given = await rows(`SELECT flag_key FROM public.sessions_feature_flags JOIN public.feature_flags USING (feature_flag_id)
			WHERE session_id = ${session} ORDER BY 1`);
		report.same('what is noted of them', given.map((one) => one.flag_key), ['guests', 'new-nav', 'palette']);

		// all others get the other variant from now on, who has one keeps it
		await setShares(project.id, 0, 100);
		await visitor.page.reload();
		report.same('a flag that persists', await flagsOf(visitor.page), expected('red', '#f00'));
		await another.page.goto(`${site.origin}/shop`);
		report.same('the flags of another visitor', await flagsOf(another.page), expected('blue', '#00f'));
	} finally {
		await visitor.context.close();
		await another.context.close();
		site.close();
	}
}
