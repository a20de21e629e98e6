/** What the dashboard shows: figures that move, a lost connection, who is let in. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeAdmins, openAdmin, TOKEN } from '../support/admin.ts';
import { findChromium, launchChromium } from './browser.ts';
import { openDashboard, PATIENCE, type Dashboard } from './dashboard.ts';

const found = findChromium('the tests of the dashboard');

describe.skipIf(found.missing !== undefined)('the dashboard', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(found.program ?? '');
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await closeAdmins();
  });

  it('moves with every snapshot, charts included, and complains of nothing', async () => {
    const { page, faults, byId } = await openDashboard(browser);
    const total = byId('figures').getByText('Calls so far').locator('xpath=following-sibling::dd');
    const before = await total.textContent();
    await expect.poll(() => total.textContent(), PATIENCE).not.toBe(before);
    const tile = byId('workers-list').locator('li').first();
    const calls = await tile.textContent();
    await expect.poll(() => tile.textContent(), PATIENCE).not.toBe(calls);
    for (const id of ['chart-load', 'chart-wait', 'chart-rate', 'chart-latency']) {
      const drawn = (): Promise<unknown> =>
        page.evaluate(`document.querySelector('#${id} canvas').toDataURL()`);
      const first = await drawn();
      await expect.poll(drawn, PATIENCE).not.toBe(first);
    }
    expect(faults).toEqual([]);
  });

  it('shows each worker with its state in words, and what is known of it', async () => {
    const { byId, shows } = await openDashboard(browser);
    await shows('pool-words', 'containers, 4 to 8 · 6 ready, 1 starting, 1 ejected, 2 standbys');
    const tiles = byId('workers-list').locator('li');
    await expect.poll(() => tiles.count(), PATIENCE).toBe(10);
    await expect
      .poll(() => tiles.locator('.state').allTextContents(), PATIENCE)
      .toEqual([...Array<string>(6).fill('ready'), 'ejected', 'starting', 'standby', 'standby']);
    expect(await tiles.nth(6).textContent()).toContain('silent for 3 s');
    expect(await tiles.nth(0).textContent()).toMatch(/running\d of 2.*cpu\d+%.*failed0memory\d+ MBup3 h/);
    // No two states look alike without their colours: mark, border and ground make each its own.
    const looks = await byId('workers-list').page().evaluate(`
      ['ready', 'ejected', 'starting', 'standby'].map((state) => {
        const tile = document.querySelector('.worker[data-state=' + state + ']');
        const { borderLeftStyle, backgroundImage } = getComputedStyle(tile);
        const { clipPath } = getComputedStyle(tile.querySelector('.state'), '::before');
        return [borderLeftStyle, backgroundImage !== 'none', clipPath].join(' ');
      })`);
    expect(new Set(looks as string[]).size).toBe(4);
  });

  it('says when the pool was scaled last, and why, not that it was looked at since', async () => {
    const { pool, shows } = await openDashboard(browser);
    await shows('scaling', /^Last scaling, .*: to 8, because calls waited for 4 s in a row$/);
    pool.change = ({ status, ...rest }) => {
      const { scaled: _, ...unscaled } = status.pool;
      return { ...rest, status: { ...status, pool: unscaled } };
    };
    await shows('scaling', 'Not scaled since the start.');
  });

  it('tells calls from the slots that they share', async () => {
    const { pool, byId, shows } = await openDashboard(browser);
    pool.change = (snapshot) => {
      const { status } = snapshot;
      const [first, ...others] = status.pool.workers;
      const workers = [{ ...first!, running: 12, busySlots: 1.2 }, ...others];
      const now = { ...status.pool, running: 12, busySlots: 1.2, slots: 12, queued: 0, workers };
      return { ...snapshot, status: { ...status, pool: now } };
    };
    await shows('figures', /Slots busy1.2 of 12/);
    await shows('chart-load', /running 1.2with those waiting 1.2N 8/);
    const tile = byId('workers-list').locator('li').first();
    await expect.poll(() => tile.textContent(), PATIENCE).toMatch(/running12 calls/);
    expect(await tile.locator('[data-busy]').count()).toBe(2);
  });

  it('says what the cloud does, what it cost and why calls went there', async () => {
    const { pool, byId, shows } = await openDashboard(browser);
    await shows('cloud-state', 'ready');
    await shows('budget-words', /^\$0\.\d+ of \$1\.00 \(\d+%\)$/);
    await byId('decisions-list')
      .getByText(/^the wait here would be too long; expected: \d+ ms here, 78 ms in the cloud$/)
      .first()
      .waitFor();
    await shows('split-words', /^Pool \d+% .* · cloud [\d.]+% /);
    pool.change = (snapshot) => {
      const { status } = snapshot;
      const cloud = {
        ...status.cloud,
        state: 'degraded' as const,
        reason: 'budget spent',
        detail: 'Raise SPILLWAY_CLOUD_BUDGET_USD, or wait until midnight UTC.',
        costTodayUsd: 1.02,
      };
      return { ...snapshot, status: { ...status, cloud } };
    };
    await shows('cloud-words', "Takes no calls for now. Why: today's budget is spent.");
    await shows('cloud-detail', /^Raise SPILLWAY_CLOUD_BUDGET_USD/);
    await shows('budget-words', 'nothing more is offloaded today');
  });

  it('shows functions with their figures in both places, and a suspended one', async () => {
    const { byId } = await openDashboard(browser);
    const rows = byId('functions-table').locator('tbody');
    await expect.poll(() => rows.count(), PATIENCE).toBe(5);
    expect(await rows.nth(0).locator('tr').nth(1).textContent()).toMatch(
      /^pool2 failed\d\d,\d{3}31 ms28 ms97 ms$/,
    );
    expect(await rows.nth(1).locator('tr').nth(2).textContent()).toBe('cloud0–––');
    expect(await rows.nth(4).textContent()).toContain(
      'Not offloaded for now: the cloud was slower for the last 20 calls',
    );
  });

  it('keeps the form and the decisions together, beside however many functions', async () => {
    const { page, pool, byId } = await openDashboard(browser);
    pool.change = ({ functions, ...rest }) => ({
      ...rest,
      functions: Array.from({ length: 41 }, (_, index) => ({ ...functions[0]!, name: `function${index}` })),
    });
    await expect.poll(() => byId('functions-table').locator('tbody').count(), PATIENCE).toBe(41);
    const [functions, call, decisions] = await page.evaluate<{ top: number; bottom: number }[]>(
      `['functions', 'call', 'decisions'].map((name) => document.querySelector('.panel.' + name).getBoundingClientRect())`,
    );
    expect(functions!.bottom - functions!.top).toBeGreaterThan(2000);
    expect(call!.top).toBe(functions!.top);
    expect(call!.bottom - call!.top).toBeLessThan(600);
    expect(decisions!.top - call!.bottom).toBe(12);
  });

  it('says plainly that workers are processes, and why', async () => {
    const { pool, byId, shows } = await openDashboard(browser);
    await shows('pool-words', 'containers');
    expect(await byId('runtime-note').isVisible()).toBe(false);
    pool.state = { ...pool.state, pool: { ...pool.state.pool, runtime: 'process' } };
    await shows(
      'runtime-note',
      'Workers are child processes, not containers. Why: no Docker Engine is reachable',
    );
  });

  it('takes the token from the address once, keeps it for the tab, and forgets it on request', async () => {
    const { page, byId, button, shows } = await openDashboard(browser);
    await shows('feed', 'Live');
    expect(page.url()).not.toContain(TOKEN);
    await page.reload();
    await shows('feed', 'Live');
    await button('Sign out').click();
    await byId('token').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    expect(await byId('dashboard').isVisible()).toBe(false);
  });

  it.each([
    ['a wrong token', 'not-the-token', 'This token is not accepted'],
    ['what no header can carry', 'schlüssel bund', 'This can’t be a token'],
  ])('tells %s from the right one', async (_, wrong, words) => {
    const { byId, button, shows } = await openDashboard(browser, { hash: '' });
    await byId('token').fill(wrong);
    await button('Sign in').click();
    await shows('token-fault', words);
    expect(await byId('dashboard').isVisible()).toBe(false);
    await byId('token').fill(TOKEN);
    await byId('token').press('Enter');
    await shows('feed', 'Live');
  });

  it('asks again when the token has changed under it', async () => {
    const { rig, shows } = await openDashboard(browser);
    await shows('feed', 'Live');
    await rig.admin.close();
    await openAdmin({}, { port: rig.port, token: 'another-token-0123456789' });
    await shows('token-fault', 'This token is not accepted');
  });

  it('shows a lost connection, greys what has frozen, and heals by itself', async () => {
    const { page, rig, pool, byId, shows } = await openDashboard(browser);
    await shows('feed', 'Live');
    await rig.admin.close();
    await shows('lost', /The connection is lost: .*What is shown is of \d\d:\d\d:\d\d\./);
    await shows('feed', 'Not connected');
    expect(await grey(page)).toBe('grayscale(1)');
    await openAdmin({ operations: pool }, { port: rig.port, snapshotMs: 100 });
    await shows('feed', 'Live');
    await byId('lost').waitFor({ state: 'hidden' });
    expect(await grey(page)).toBe('none');
  });

  it('tries at once when asked to', async () => {
    const { page, rig, pool, button, shows } = await openDashboard(browser, {
      prepare: (opened) => opened.clock.install(),
    });
    await shows('feed', 'Live');
    // From then on the page's own timers stand still, so only the button can heal it. A moment that has passed before the
    // page hears of it would be refused, and the jump has to be shorter than the silence that counts as a lost connection.
    await page.clock.pauseAt(Date.now() + 3000);
    await rig.admin.close();
    await shows('feed', 'Not connected');
    await openAdmin({ operations: pool }, { port: rig.port, snapshotMs: 100 });
    await button('Try now').click();
    await shows('feed', 'Live');
  });

  it('takes silence for a lost connection', async () => {
    const { page, shows } = await openDashboard(browser, {
      admin: { snapshotMs: 3_600_000 },
      prepare: (opened) => opened.clock.install(),
    });
    await shows('feed', 'Live');
    // The next connection stays silent as well: it would end what is shown, at times before anybody has looked.
    await page.route('**/events', () => undefined);
    await page.clock.runFor(6000);
    await shows('lost', 'nothing was heard for 5 s');
  });

  it('holds still while paused, and catches up afterwards', async () => {
    const { pool, byId, button, shows } = await openDashboard(browser);
    await shows('feed', 'Live');
    await button('Pause').click();
    await shows('feed', 'Paused');
    const held = await byId('figures').textContent();
    pool.change = (snapshot) => ({ ...snapshot, status: { ...snapshot.status, version: '9.9.9' } });
    const { uptimeMs } = pool.state;
    // Five more were sent.
    await expect.poll(() => pool.state.uptimeMs, PATIENCE).toBeGreaterThan(uptimeMs + 5000);
    expect(await byId('figures').textContent()).toBe(held);
    await button('Pause').click();
    await shows('identity', 'version 9.9.9');
  });

  it('holds the charts still too while paused, and says of when they are', async () => {
    const { page, rig, pool, byId, button, shows } = await openDashboard(browser);
    const sent: string[] = [];
    const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
    pool.change = (snapshot) => {
      sent.push(clock.format(snapshot.at));
      return snapshot;
    };
    await shows('pool-words', 'containers');
    await expect.poll(() => sent.length, PATIENCE).toBeGreaterThan(5);
    await button('Pause').click();
    await shows('feed', 'Paused');
    const before = new Set(sent);
    const legends = (): Promise<string[]> => page.locator('.legend').allTextContents();
    const held = await legends();
    await expect.poll(() => sent.length, PATIENCE).toBeGreaterThan(before.size + 10);
    // The pointer comes and goes, and so do the colours: the legend is written, and the charts drawn, anew.
    const chart = byId('chart-load').locator('.u-over');
    await chart.hover({ position: { x: 5, y: 20 } });
    await expect.poll(legends, PATIENCE).not.toEqual(held);
    await byId('pool-title').hover();
    await expect.poll(legends, PATIENCE).toEqual(held);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.evaluate(
      'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
    );
    expect(await legends()).toEqual(held);
    await rig.admin.close();
    await shows('lost', /What is shown is of \d/);
    const [shown] = /\d\d:\d\d:\d\d/.exec(String(await byId('lost').textContent())) ?? [];
    expect(before).toContain(shown);
  });
});

async function grey(page: Dashboard['page']): Promise<unknown> {
  return page.evaluate(`getComputedStyle(document.getElementById('figures').parentElement).filter`);
}
