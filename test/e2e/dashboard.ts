/** The dashboard as a browser shows it: the real page, served by the real admin port, over operations that are none. */
import type { Browser, BrowserContextOptions, Locator, Page, Request } from 'playwright-core';
import { expect } from 'vitest';
import type { AdminOptions } from '../../src/admin/server.ts';
import { openAdmin, TOKEN, type AdminRig } from '../support/admin.ts';
import { BusyPool } from './busy-pool.ts';

/** How long a test waits for what must happen: long, since a busy machine is no fault. */
export const PATIENCE = { timeout: 30_000, interval: 20 };
/** Faster than a real balancer's, so that nobody waits. */
const SNAPSHOT_MS = 100;
const DESKTOP = { width: 1280, height: 900 };

/** A page that shows an admin port. */
export interface Dashboard {
  readonly page: Page;
  readonly rig: AdminRig;
  readonly pool: BusyPool;
  /** What the browser complained of, and requests to anywhere but the admin port: has to stay empty. */
  readonly faults: string[];
  byId(id: string): Locator;
  /** The button of this name. */
  button(name: string | RegExp): Locator;
  /** Resolves when an element has a text. */
  shows(id: string, text: string | RegExp): Promise<void>;
  /** Resolves when exactly these deeds were done, in this order. */
  did(...deeds: string[]): Promise<void>;
}

/** What may differ from the usual. */
export interface DashboardOptions {
  readonly context?: BrowserContextOptions;
  readonly admin?: Partial<AdminOptions>;
  /** Signed in by the address, unless told otherwise. */
  readonly hash?: string;
  /** The time of the first snapshot, in milliseconds since the epoch; now, unless told otherwise. */
  readonly startedAt?: number;
  readonly prepare?: (page: Page, pool: BusyPool) => Promise<void> | void;
}

/** Opens the page on an admin port of its own. Closing the browser and closeAdmins() end both. */
export async function openDashboard(browser: Browser, options: DashboardOptions = {}): Promise<Dashboard> {
  const pool = new BusyPool(options.startedAt ?? Date.now());
  const rig = await openAdmin({ operations: pool }, { snapshotMs: SNAPSHOT_MS, ...options.admin });
  const context = await browser.newContext({
    viewport: DESKTOP,
    reducedMotion: 'reduce',
    ...options.context,
  });
  context.setDefaultTimeout(PATIENCE.timeout);
  const page = await context.newPage();
  const faults = watch(page, rig.url);
  await options.prepare?.(page, pool);
  await load(page, `${rig.url}/${options.hash ?? `#token=${TOKEN}`}`);
  const byId = (id: string): Locator => page.locator(`#${id}`);
  return {
    page,
    rig,
    pool,
    faults,
    byId,
    button: (name) => page.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name }),
    shows: async (id, text) => {
      try {
        await byId(id).filter({ hasText: text, visible: true }).waitFor();
      } catch (cause) {
        const seen = JSON.stringify(await byId(id).textContent());
        const lost = await byId('lost').textContent();
        const message = `#${id} shows ${seen}; connection: ${lost}; complaints: ${faults.join(' | ')}`;
        throw new Error(message, { cause });
      }
    },
    did: (...deeds) => expect.poll(() => pool.done, PATIENCE).toEqual(deeds),
  };
}

/** What Chromium says when an interface of the machine comes or goes, as a container's does: it then cuts all connections. */
const NETWORK_CHANGED = 'ERR_NETWORK_CHANGED';

/** Opens the page, again if a part of it was cut off by a change of the machine's network. */
async function load(page: Page, url: string): Promise<void> {
  let cut = true;
  const onFailed = (request: Request): void => {
    const stream = request.url().includes('/events');
    if (!stream && request.failure()?.errorText.includes(NETWORK_CHANGED) === true) cut = true;
  };
  page.on('requestfailed', onFailed);
  for (let tries = 0; cut && tries < 5; tries += 1) {
    cut = false;
    // The fragment alone would be no new load.
    if (tries > 0) await page.goto('about:blank');
    await page.goto(url).catch((error: unknown) => {
      if (!String(error).includes(NETWORK_CHANGED)) throw error;
      cut = true;
    });
  }
  page.off('requestfailed', onFailed);
}

function watch(page: Page, origin: string): string[] {
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.text().includes(NETWORK_CHANGED)) return; // the machine's doing; the page goes on by itself
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) faults.push(`asked for ${request.url()}`);
  });
  return faults;
}
