/** Every button of the dashboard does what it says, and says how it went. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OperatorCall } from '../../src/admin/operations.ts';
import { closeAdmins } from '../support/admin.ts';
import { findChromium, launchChromium } from './browser.ts';
import { openDashboard, PATIENCE, type Dashboard } from './dashboard.ts';

const found = findChromium('the tests of the dashboard');

describe.skipIf(found.missing !== undefined)("the dashboard's buttons", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(found.program ?? '');
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await closeAdmins();
  });

  async function open(): Promise<Dashboard> {
    const dashboard = await openDashboard(browser);
    await dashboard.shows('pool-words', 'containers');
    return dashboard;
  }

  it('drains a worker', async () => {
    const { pool, byId, shows, did } = await open();
    const { id } = pool.state.pool.workers[2]!;
    await byId('workers-list')
      .getByRole('button', { name: `Drain ${id}` })
      .click();
    await did(`drain ${id}`);
    await shows('said', `${id} is being drained`);
  });

  it('offers no drain for a worker that is paused', async () => {
    const { byId } = await open();
    const standby = byId('workers-list').locator('li[data-state="standby"]').first();
    await standby.waitFor();
    expect(await standby.getByRole('button').count()).toBe(0);
  });

  it('resizes the pool, and leaves a number alone while it is being typed', async () => {
    const { pool, byId, button, shows, did } = await open();
    await expect.poll(() => byId('workers').inputValue(), PATIENCE).toBe('4');
    await byId('workers').fill('7');
    const { uptimeMs } = pool.state;
    await expect.poll(() => pool.state.uptimeMs, PATIENCE).toBeGreaterThan(uptimeMs + 3000);
    expect(await byId('workers').inputValue()).toBe('7');
    await button('Resize').click();
    await did('resize 7');
    await shows('said', 'The pool is now 7 to 14 workers.');
    await shows('pool-words', '7 to 14');
    // What others do is followed again.
    await pool.resize(5);
    await expect.poll(() => byId('workers').inputValue(), PATIENCE).toBe('5');
  });

  it('asks for no size that makes no sense', async () => {
    const { page, pool, byId, button } = await open();
    await byId('workers').fill('0');
    await button('Resize').click();
    expect(await page.evaluate("document.getElementById('workers').validity.valid")).toBe(false);
    expect(pool.done).toEqual([]);
  });

  it('reloads the functions', async () => {
    const { button, shows, did } = await open();
    await button('Reload functions').click();
    await did('reload');
    await shows('said', 'Reloaded: 5 functions. Workers take the new bundle one by one.');
  });

  it('sets the offload policy and its wait', async () => {
    const { byId, button, shows, did } = await open();
    await byId('policy').selectOption('always');
    await shows('policy-hint', 'Everything that may go to the cloud goes there.');
    await byId('wait-ms').fill('125');
    await button('Apply').click();
    await did('offload always 125');
    await shows('said', 'Offload policy: always, wait 125 ms.');
    await shows('figures', 'threshold 125 ms');
  });

  it.each([12.5, 700_000])(
    'sets the policy beside a wait of %d ms, which the API takes too',
    async (waitMs) => {
      const { pool, byId, button, did } = await open();
      await pool.setOffload('threshold', waitMs);
      await expect.poll(() => byId('wait-ms').inputValue(), PATIENCE).toBe(String(waitMs));
      await byId('policy').selectOption('always');
      await button('Apply').click();
      await did(`offload threshold ${waitMs}`, `offload always ${waitMs}`);
    },
  );

  it('shows the plan of a deploy, and deploys', async () => {
    const { button, shows, did } = await open();
    await button('Show plan').click();
    await shows('cloud-report', /^What a deploy would do.*make the function spillway-fakepool/);
    await did('deploy --dry-run');
    await button('Deploy').click();
    await shows('cloud-report', /^Deployed/);
    await did('deploy --dry-run', 'deploy');
  });

  it('destroys only when that was confirmed', async () => {
    const { page, pool, byId, button, shows, did } = await open();
    await button('Destroy…').click();
    // The harmless answer has the focus, so that Enter can't destroy.
    expect(await page.evaluate('document.activeElement.value')).toBe('keep');
    await button('Keep it').click();
    await button('Destroy…').click();
    await page.keyboard.press('Escape');
    await byId('destroy-dialog').waitFor({ state: 'hidden' });
    expect(pool.done).toEqual([]);
    await button('Destroy…').click();
    await button('Destroy').click();
    await did('destroy');
    await shows('cloud-report', /^Removed.*function spillway-fakepool/);
    await button('Destroy…').click();
    await page.keyboard.press('Escape');
    await byId('destroy-dialog').waitFor({ state: 'hidden' });
    expect(pool.done).toEqual(['destroy']);
  });

  it('says what was left behind by a destroy', async () => {
    const { pool, button, shows } = await open();
    pool.destroy = () => Promise.resolve({ removed: [], left: ['role spillway-brook'] });
    await button('Destroy…').click();
    await button('Destroy').click();
    await shows('failed', 'Still there: role spillway-brook');
  });

  it('says why something was refused, until that is dismissed', async () => {
    const { pool, byId, button, shows } = await open();
    pool.refusal = 'the pool is being stopped';
    await button('Reload functions').click();
    await shows('failed', 'the pool is being stopped');
    await button('Dismiss').click();
    await expect.poll(() => byId('failed').textContent(), PATIENCE).toBe('');
  });

  it('does a thing once, however often it is pressed meanwhile', async () => {
    const { pool, button, shows, did } = await open();
    let finish: () => void = () => undefined;
    const { reload } = pool;
    pool.reload = () =>
      new Promise((resolve) => {
        const begun = reload.call(pool);
        finish = () => resolve(begun);
      });
    await button('Reload functions').click();
    await did('reload');
    expect(await button('Reload functions').getAttribute('aria-disabled')).toBe('true');
    await button('Reload functions').click({ force: true });
    finish();
    await shows('said', 'Reloaded');
    await did('reload');
  });

  describe('calling a function', () => {
    const SAMPLES: [string, unknown][] = [
      ['fibonacci', [10]],
      ['markdown', ['The quick brown fox jumps over the lazy dog']],
      ['sleep', [10]],
      ['thumbnail', { image: expect.stringMatching(/^iVBORw0/) as unknown, width: 10 }],
      ['wordcount', ['The quick brown fox jumps over the lazy dog']],
    ];

    it('shows the schema and params that fit it', async () => {
      const { page, byId, shows } = await open();
      for (const [name, params] of SAMPLES) {
        await byId('method').selectOption(name);
        expect(JSON.parse(await byId('params').inputValue())).toEqual(params);
      }
      await page.getByText('Schema of the params').first().click();
      await byId('method').selectOption('fibonacci');
      await shows('schema', '"maximum": 40');
    });

    it.each([
      ['auto', undefined],
      ['pool', 'pool'],
      ['cloud', 'cloud'],
    ] as const)('calls with place %s, and shows result, place and time', async (radio, backend) => {
      const { page, pool, byId, button, shows } = await open();
      const calls: OperatorCall[] = [];
      pool.answer = (call) => {
        calls.push(call);
        return {
          callId: 'c17',
          result: { n: 55 },
          backend: backend ?? 'pool',
          worker: 'w3',
          queueMs: 0.4,
          runMs: 12.3,
        };
      };
      await byId('params').fill('[12]');
      await page.getByRole('radio', { name: radio }).check();
      await button('Call').click();
      await shows('answer-text', '"n": 55');
      await shows('answer-words', `ran in the ${backend ?? 'pool'} on w3 · waited 0.40 ms · ran 12 ms · `);
      await shows('answer-words', 'call c17');
      expect(calls).toEqual([{ method: 'fibonacci', params: [12], backend, timeoutMs: undefined }]);
    });

    it('shows an error as one, with its data', async () => {
      const { pool, byId, button, shows } = await open();
      const error = {
        name: 'Timeout',
        code: -32_002,
        message: 'the deadline passed',
        data: { mayHaveRun: true },
      };
      pool.answer = () => ({ callId: 'c18', error, queueMs: 0, runMs: 0 });
      await byId('method').selectOption('sleep');
      await button('Call').click();
      await shows('answer-words', 'Timeout -32002 ran nowhere');
      await shows('answer-text', /the deadline passed.*"mayHaveRun": true/s);
    });

    it('shows beside the params that they are no JSON, and calls nothing', async () => {
      const { pool, byId, button, shows } = await open();
      await byId('params').fill('[12');
      await button('Call').click();
      await shows('params-fault', 'This is not JSON');
      expect(await byId('params').getAttribute('aria-invalid')).toBe('true');
      await byId('params').fill('12');
      await button('Call').click();
      await shows('params-fault', 'Params are an array');
      expect(pool.done).toEqual([]);
    });

    it("begins from a function's own button", async () => {
      const { page, byId, button } = await open();
      await button('Call thumbnail').click();
      expect(await byId('method').inputValue()).toBe('thumbnail');
      expect(await page.evaluate('document.activeElement.id')).toBe('params');
    });

    it('leaves params alone that were typed for the function whose button it is', async () => {
      const { page, byId, button } = await open();
      await button('Call thumbnail').click();
      await byId('params').fill('[33]');
      await byId('method').focus();
      await button('Call thumbnail').click();
      expect(await byId('params').inputValue()).toBe('[33]');
      expect(await page.evaluate('document.activeElement.id')).toBe('params');
      await button('Call fibonacci').click();
      expect(JSON.parse(await byId('params').inputValue())).toEqual([10]);
    });

    it('leaves params alone that were changed, whatever the functions do', async () => {
      const { pool, byId } = await open();
      await byId('params').fill('[33]');
      const { uptimeMs } = pool.state;
      pool.change = (snapshot) => ({
        ...snapshot,
        functions: snapshot.functions.map((one) => ({ ...one, summary: 'new', params: { type: 'array' } })),
      });
      await expect.poll(() => byId('method-words').textContent(), PATIENCE).toMatch(/^new /);
      expect(pool.state.uptimeMs).toBeGreaterThan(uptimeMs);
      expect(await byId('params').inputValue()).toBe('[33]');
    });
  });
});
