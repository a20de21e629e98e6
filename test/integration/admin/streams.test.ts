/** The event streams of the admin port, read as the dashboard and the commands read them. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../src/admin/operations.ts';
import { readEvents } from '../../../src/cli/event-stream.ts';
import { closeAdmins, openAdmin } from '../../support/admin.ts';
import { PATIENCE } from '../../support/front.ts';

afterEach(closeAdmins);

/** Reads events until `count` have come. */
async function events(response: Response, count: number): Promise<string[]> {
  const found: string[] = [];
  for await (const data of readEvents(response.body as AsyncIterable<Uint8Array>)) {
    found.push(data);
    if (found.length >= count) break;
  }
  return found;
}

describe('/events', () => {
  it('sends a snapshot at once, and then one after the other', async () => {
    const { get, operations } = await openAdmin({}, { snapshotMs: 50 });
    const { snapshot } = operations;
    operations.snapshot = () => {
      const taken = snapshot.call(operations);
      operations.list = [];
      return taken;
    };
    const response = await get('/events');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const taken = (await events(response, 5)).map((json) => JSON.parse(json) as Snapshot);
    expect(taken[0]?.status).toEqual(operations.state);
    expect(taken.map(({ functions }) => functions.length)).toEqual([2, 0, 0, 0, 0]);
    // Four intervals; a timer that was set while the process was held up is early.
    expect(taken[4]!.at - taken[0]!.at).toBeGreaterThan(100);
  });

  it('takes no snapshots while nobody listens', async () => {
    const { get, operations } = await openAdmin({}, { snapshotMs: 10 });
    let taken = 0;
    const { snapshot } = operations;
    operations.snapshot = () => {
      taken += 1;
      return snapshot.call(operations);
    };
    const stop = new AbortController();
    const response = await get('/events', { signal: stop.signal });
    await expect.poll(() => taken, PATIENCE).toBeGreaterThan(3);
    await response.body!.cancel().catch(() => undefined);
    stop.abort();
    // The other side hears of it a moment later: from some time on, ten intervals bring no more.
    await expect
      .poll(async () => {
        const before = taken;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return taken - before;
      }, PATIENCE)
      .toBe(0);
  });

  it('serves 32 listeners and turns the next away', async () => {
    const { get } = await openAdmin();
    const streams = await Promise.all(Array.from({ length: 32 }, () => get('/events')));
    expect(streams.map(({ status }) => status)).toEqual(Array(32).fill(200));
    const refused = await get('/events');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    await Promise.all(streams.map((stream) => stream.body!.cancel()));
  });
});

describe('/logs', () => {
  const lines = ['{"msg":"one","callId":"1"}', '{"msg":"two","callId":"2"}'];
  const feedOf = (following: Set<(line: string) => void>) => ({
    recent: (callId: string | undefined) =>
      lines.filter((line) => callId === undefined || line.includes(`"callId":"${callId}"`)),
    follow(_callId: string | undefined, hear: (line: string) => void) {
      following.add(hear);
      return () => following.delete(hear);
    },
  });

  it('sends what was kept and what follows, until the listener goes', async () => {
    const following = new Set<(line: string) => void>();
    const { get } = await openAdmin({ logs: feedOf(following) });
    const response = await get('/logs');
    await expect.poll(() => following.size, PATIENCE).toBe(1);
    for (const hear of following) hear('{"msg":"three"}');
    expect(await events(response, 3)).toEqual([...lines, '{"msg":"three"}']);
    await expect.poll(() => following.size, PATIENCE).toBe(0);
  });

  it('sends all that was kept, however much, and the newest last', async () => {
    const kept = Array.from({ length: 2000 }, (_, at) =>
      JSON.stringify({ msg: `${at} ${'x'.repeat(1500)}` }),
    );
    const { get } = await openAdmin({ logs: { recent: () => kept, follow: () => () => undefined } });
    const response = await get('/logs?follow=false');
    const text = await response.text();
    expect(text.split('\n\n').filter(Boolean)).toHaveLength(kept.length);
    expect(text.endsWith(`data: ${kept.at(-1)}\n\n`)).toBe(true);
  });

  it('can be asked for one call, and to end', async () => {
    const following = new Set<(line: string) => void>();
    const { get } = await openAdmin({ logs: feedOf(following) });
    const response = await get('/logs?call=2&follow=false');
    expect(await response.text()).toBe(`data: ${lines[1]}\n\n`);
    expect(following.size).toBe(0);
  });
});
