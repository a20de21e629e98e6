/** Draws the pictures of the documentation: `SCREENSHOTS=1 npx vitest run test/e2e/dashboard-pictures.test.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/admin/operations.ts';
import { closeAdmins } from '../support/admin.ts';
import { findChromium, launchChromium } from './browser.ts';
import { openDashboard } from './dashboard.ts';
import { toPalettePng } from './palette-png.ts';

const DOCS = join(import.meta.dirname, '..', '..', 'docs');
/** A repository keeps every version of a picture for ever. */
const MAX_BYTES = 150_000;
/** Always the same, so that a picture only differs where the page does. */
const STARTED_AT = Date.UTC(2026, 0, 15, 9, 30);
/** In the middle of the third burst. */
const HELD_AFTER_S = 204;

const wanted = process.env['SCREENSHOTS'] === '1';
const found = wanted ? findChromium('drawing pictures') : { missing: 'not asked for' };

describe.skipIf(found.missing !== undefined)('pictures of the dashboard', () => {
  afterEach(closeAdmins);

  it.each([
    ['dashboard.png', 'light', { width: 1280, height: 1180 }],
    ['dashboard-phone.png', 'dark', { width: 360, height: 1180 }],
  ] as const)('%s', async (name, colorScheme, viewport) => {
    const browser = await launchChromium(found.program ?? '');
    try {
      let held: Snapshot | undefined;
      const { page, shows } = await openDashboard(browser, {
        startedAt: STARTED_AT,
        admin: { snapshotMs: 40 },
        context: { viewport, colorScheme, timezoneId: 'UTC', locale: 'en-GB' },
        prepare: (_, pool) => {
          pool.change = (snapshot) => {
            if (snapshot.at < STARTED_AT + HELD_AFTER_S * 1000) return snapshot;
            return (held ??= snapshot);
          };
        },
      });
      await shows('identity', 'up 3 h 15 min');
      await expect.poll(() => held, { timeout: 30_000 }).toBeDefined();
      await page.evaluate(
        'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
      );
      const picture = await toPalettePng(await page.screenshot());
      expect(picture.length).toBeLessThan(MAX_BYTES);
      writeFileSync(join(DOCS, name), picture);
    } finally {
      await browser.close();
    }
  });
});
