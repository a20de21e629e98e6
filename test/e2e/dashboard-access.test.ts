/** The dashboard for everybody: by keyboard, on a phone, in both colour schemes, read out; and safe from what it shows. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeAdmins } from '../support/admin.ts';
import { findChromium, launchChromium } from './browser.ts';
import { openDashboard, PATIENCE, type Dashboard, type DashboardOptions } from './dashboard.ts';

const found = findChromium('the tests of the dashboard');
const PHONE = { width: 360, height: 740 };
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What can have the focus, in the order of the document; of radios only the chosen one is a stop. */
const STOPS = `[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
  .filter((one) => one.checkVisibility() && !(one.type === 'radio' && !one.checked))`;

describe.skipIf(found.missing !== undefined)('the dashboard for everybody', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(found.program ?? '');
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await closeAdmins();
  });

  async function open(options: DashboardOptions = {}): Promise<Dashboard> {
    const dashboard = await openDashboard(browser, options);
    await dashboard.shows('pool-words', 'containers');
    await dashboard.byId('decisions-list').locator('li').first().waitFor();
    return dashboard;
  }

  it('has every control in the order of the document, each with a visible focus, and no trap', async () => {
    const { page, button } = await open();
    // Held, so that no tile comes or goes between two steps.
    await button('Pause').press('Enter');
    await page.locator('summary').press('Enter');
    const count = await page.evaluate<number>(`${STOPS}.length`);
    expect(count).toBeGreaterThan(25);
    await button('Pause').focus();
    const reached: number[] = [];
    const unseen: string[] = [];
    for (let step = 0; step < count; step++) {
      const [index, outline, html] = await page.evaluate<[number, number, string]>(`(() => {
        const one = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return [${STOPS}.indexOf(one), outlineStyle === 'none' ? 0 : parseFloat(outlineWidth), one.outerHTML.slice(0, 80)];
      })()`);
      reached.push(index);
      if (outline < 2) unseen.push(html);
      await page.keyboard.press('Tab');
    }
    expect(reached).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(unseen).toEqual([]);
    // Past the last one the browser's own controls follow.
    expect(await page.evaluate('document.activeElement === document.body')).toBe(true);
  });

  it('is worked by keyboard alone, and the focus stays where it is while figures move', async () => {
    const { page, pool, did, shows } = await open();
    const { id } = pool.state.pool.workers[3]!;
    await page.getByRole('button', { name: `Drain ${id}` }).focus();
    const { uptimeMs } = pool.state;
    await expect.poll(() => pool.state.uptimeMs, PATIENCE).toBeGreaterThan(uptimeMs + 5000);
    // The tile moves to another place in the row, too.
    pool.change = (snapshot) => {
      const { pool: now } = snapshot.status;
      const workers = now.workers.map((one) => (one.id === id ? { ...one, state: 'ejected' as const } : one));
      return { ...snapshot, status: { ...snapshot.status, pool: { ...now, workers } } };
    };
    await page.locator('.worker[data-state="ejected"]').nth(1).waitFor();
    await page.keyboard.press('Enter');
    await did(`drain ${id}`);
    await page.getByLabel('Policy').focus();
    await page.keyboard.press('n');
    await page.getByRole('button', { name: 'Apply' }).focus();
    await page.keyboard.press('Space');
    await shows('said', 'Offload policy: never');
  });

  it('hands the focus to the list when a drained worker has no button any more, or no tile', async () => {
    const { page, pool } = await open();
    const [first, second, third, ...others] = pool.state.pool.workers.map(({ id }) => id);
    const focused = `document.activeElement.getAttribute('aria-label')`;
    const show = (ids: readonly (string | undefined)[], draining: readonly (string | undefined)[]): void => {
      pool.change = (snapshot) => {
        const { pool: now } = snapshot.status;
        const workers = now.workers
          .filter(({ id }) => ids.includes(id))
          .map((one) => (draining.includes(one.id) ? { ...one, state: 'draining' as const } : one));
        return { ...snapshot, status: { ...snapshot.status, pool: { ...now, workers } } };
      };
    };
    await page.getByRole('button', { name: `Drain ${second}` }).focus();
    // One that stays has it even where its tile goes to another place.
    show([first, third, second, ...others], [first]);
    await page.getByRole('button', { name: `Drain ${first}` }).waitFor({ state: 'hidden' });
    expect(await page.evaluate(focused)).toBe(`Drain ${second}`);
    show([first, third, ...others], [first]);
    // Not the next one's: another Enter would drain that.
    await expect.poll(() => page.evaluate(focused), PATIENCE).toBe('Workers');
    await page.getByRole('button', { name: `Drain ${third}` }).focus();
    await page.evaluate('scrollTo(0, document.body.scrollHeight)');
    const scrolled = await page.evaluate('scrollY');
    show([first, third, ...others], [first, third]);
    await expect.poll(() => page.evaluate(focused), PATIENCE).toBe('Workers');
    expect(await page.evaluate('scrollY')).toBe(scrolled);
  });

  it('gives the focus back when the question is answered', async () => {
    const { page, byId } = await open();
    await page.getByRole('button', { name: 'Destroy…' }).focus();
    await page.keyboard.press('Enter');
    await byId('destroy-dialog').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.evaluate('document.activeElement.id'), PATIENCE).toBe('destroy');
  });

  it.each(['light', 'dark'] as const)('fits a phone of 360 px, %s', async (colorScheme) => {
    const { page, pool, faults, byId } = await open({
      context: { viewport: PHONE, colorScheme, hasTouch: true },
    });
    // As long as a name may be.
    const name = 'a'.repeat(128);
    pool.change = (snapshot) => ({
      ...snapshot,
      functions: snapshot.functions.map((one, index) => (index === 0 ? { ...one, name } : one)),
    });
    await byId('method').locator('option', { hasText: name }).waitFor({ state: 'attached' });
    await page.evaluate(`{
      const answer = document.getElementById('answer');
      answer.hidden = false;
      answer.querySelector('pre').textContent = 'x'.repeat(900);
    }`);
    const wide = `[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility() &&
      one.closest('.plot, .scroll, pre') === null && one.getBoundingClientRect().right > innerWidth + 0.5)
      .map((one) => one.outerHTML.slice(0, 100))`;
    expect(await page.evaluate(wide)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width);
    const chart = await byId('chart-load').locator('canvas').boundingBox();
    expect(chart!.width).toBeGreaterThan(280);
    expect(faults).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('has nothing for axe to complain of, %s', async (colorScheme) => {
    const { page, rig, byId, button } = await open({ context: { colorScheme } });
    const seen: Record<string, unknown> = { dashboard: await complaints(page) };
    await button('Pause').click();
    await button('Call').click();
    await byId('answer').waitFor();
    await button('Reload functions').click();
    await button('Show plan').click();
    await byId('cloud-report').waitFor();
    seen['after actions'] = await complaints(page);
    await button('Destroy…').click();
    seen['dialog'] = await complaints(page);
    await page.keyboard.press('Escape');
    await rig.admin.close();
    await byId('lost').waitFor();
    seen['lost'] = await complaints(page);
    await button('Sign out').click();
    expect(seen).toEqual({ dashboard: [], 'after actions': [], dialog: [], lost: [] });
  });

  it.each(['light', 'dark'] as const)(
    'has nothing for axe to complain of when it asks for the token, %s',
    async (colorScheme) => {
      const { page, byId } = await openDashboard(browser, { hash: '#token=wrong', context: { colorScheme } });
      await byId('token-fault').filter({ hasText: 'not accepted' }).waitFor();
      expect(await complaints(page)).toEqual([]);
    },
  );

  it('shows what anybody may have written as text, never as markup', async () => {
    const evil = '<img src=x onerror="window.evil = 1"><script>window.evil = 1</script>';
    const { page, pool, faults, byId, button, shows } = await open();
    pool.change = ({ status, functions, decisions, ...rest }) => ({
      ...rest,
      status: {
        ...status,
        pool: {
          ...status.pool,
          id: evil,
          runtime: 'process',
          runtimeReason: evil,
          workers: status.pool.workers.map((worker) => ({ ...worker, id: worker.id + evil, reason: evil })),
          scaled: { at: 1, target: 1, reason: evil },
        },
        cloud: {
          ...status.cloud,
          reason: evil,
          detail: evil,
          url: `javascript:${evil}`,
          figures: { [evil]: 1 },
        },
      },
      functions: functions.map((one) => ({
        ...one,
        name: one.name + evil,
        summary: evil,
        suspended: evil,
        params: { const: [evil] },
      })),
      decisions: decisions.map((one) => ({ ...one, method: evil, reason: evil, callId: one.callId + evil })),
    });
    pool.call = () =>
      Promise.resolve({ callId: evil, result: evil, backend: 'pool', worker: evil, queueMs: 1, runMs: 1 });
    await shows('identity', evil);
    await shows('method-words', evil);
    await button('Call').last().click();
    await byId('answer').waitFor();
    for (const id of [
      'decisions-list',
      'functions-table',
      'workers-list',
      'runtime-note',
      'cloud-facts',
      'scaling',
      'answer-words',
    ]) {
      await shows(id, evil);
    }
    expect(await page.evaluate('document.querySelectorAll("main img, main script, main a").length')).toBe(0);
    expect(await page.evaluate('window.evil')).toBe(undefined);
    expect(faults).toEqual([]);
  });

  it('is served under a policy that lets no other script run', async () => {
    const { page, faults } = await open();
    await page.evaluate(`{
      const script = document.createElement('script');
      script.textContent = 'window.evil = 1';
      document.body.append(script);
    }`);
    expect(await page.evaluate('window.evil')).toBe(undefined);
    expect(faults.join()).toContain('Content Security Policy');
  });
});

/** What axe finds, a line each. */
async function complaints(page: Page): Promise<string[]> {
  return await page.evaluate<string[]>(`(async () => {
    if (window.axe === undefined) { ${AXE} }
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html.slice(0, 120) + ' ' + node.failureSummary));
  })()`);
}
