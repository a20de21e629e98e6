/** What every CloudBackend must do, whoever is behind it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CloudBackend, CloudBundle, CloudOutcome } from '../../src/cloud/backend.ts';

/** A backend under test. Its functions: `echo` gives its params back, `sleep` takes as long as its first param says (ms). */
export interface CloudSetup {
  readonly cloud: CloudBackend;
  /** Two bundles of these functions; the second one has `fresh` as well. */
  readonly bundles: readonly [CloudBundle, CloudBundle];
  /** Ends what the backend stood on; called after its close. */
  stop(): Promise<void>;
}

/** Runs the suite; `skip` says why it can't be run here. */
export function testCloud(name: string, setUp: () => Promise<CloudSetup>, skip?: string): void {
  describe.skipIf(skip !== undefined)(`the cloud: ${name}`, () => {
    let setup: CloudSetup;

    beforeAll(async () => {
      setup = await setUp();
    });

    afterAll(async () => {
      await setup.cloud.close();
      await setup.cloud.close();
      await setup.stop();
    });

    function call(method: string, params: string | undefined, timeoutMs = 10_000): Promise<CloudOutcome> {
      const spec = { name: method, style: 'any', idempotent: true, offload: true, concurrency: 1 } as const;
      const order = { callId: '1', spec, params, deadline: performance.now() + timeoutMs, timeoutMs };
      return new Promise((resolve) => {
        let returned = false;
        setup.cloud.call(order, (outcome) => {
          expect(returned).toBe(true);
          resolve(outcome);
        });
        returned = true;
      });
    }

    it('is off before it is deployed, and refuses calls as never run', async () => {
      expect(setup.cloud).toMatchObject({ state: 'off', reason: 'off' });
      expect(await call('echo', '[1]')).toMatchObject({
        ok: false,
        failure: { reason: 'off', mayHaveRun: false },
      });
    });

    it('tells what a deployment would do without doing it', async () => {
      expect((await setup.cloud.deploy(setup.bundles[0], { dryRun: true })).steps).not.toEqual([]);
      expect(setup.cloud.state).toBe('off');
    });

    it('is ready once deployed, and says where', async () => {
      await setup.cloud.deploy(setup.bundles[0]);
      expect(setup.cloud).toMatchObject({ state: 'ready', reason: undefined });
      const status = setup.cloud.status();
      expect(status).toMatchObject({ state: 'ready', inFlight: 0 });
      expect(status.url).toMatch(/^https?:/);
      expect(status.functionName).toMatch(/^spillway-/);
      expect(status.reason).toBeUndefined();
    });

    it('knows which functions its bundle has', async () => {
      expect([setup.cloud.has('echo'), setup.cloud.has('fresh')]).toEqual([true, false]);
    });

    it('runs calls and gives their raw result, and says what they took', async () => {
      const outcome = await call('echo', '[1e400, {"a":"é"}]');
      expect(outcome).toMatchObject({ ok: true, report: { coldStart: expect.any(Boolean) as boolean } });
      expect('json' in outcome && outcome.json.toString()).toBe('[1e400, {"a":"é"}]');
      expect(outcome.report.runMs).toBeGreaterThan(0);
      expect(outcome.report.billedMs).toBeGreaterThan(0);
      expect(outcome.report.costUsd).toBeGreaterThan(0);
      expect(outcome.report.elapsedMs).toBeGreaterThanOrEqual(0);
    });

    it('counts calls and money', async () => {
      const before = setup.cloud.status();
      await Promise.all([call('echo', '[1]'), call('echo', '[2]')]);
      const after = setup.cloud.status();
      expect(after.calls - before.calls).toBe(2);
      expect(after.costTodayUsd).toBeGreaterThan(before.costTodayUsd);
      expect(after.inFlight).toBe(0);
    });

    it('answers at the deadline at the latest', async () => {
      const startedAt = performance.now();
      const outcome = await call('sleep', '[3000]', 300);
      expect(outcome).toMatchObject({
        ok: false,
        error: { name: 'Timeout', data: { timeoutMs: 300, mayHaveRun: true } },
      });
      expect(performance.now() - startedAt).toBeLessThan(2500);
    });

    it('answers nobody who has gone', async () => {
      const answers: CloudOutcome[] = [];
      const spec = { name: 'echo', style: 'any', idempotent: true, offload: true, concurrency: 1 } as const;
      const order = { callId: '1', spec, params: '[1]', deadline: performance.now() + 5000, timeoutMs: 5000 };
      setup.cloud.call(order, (outcome) => answers.push(outcome)).cancel();
      await call('echo', '[2]');
      expect(answers).toEqual([]);
    });

    it('changes nothing for the bundle that is there, and something for another', async () => {
      expect((await setup.cloud.deploy(setup.bundles[0])).steps).toEqual([]);
      expect((await setup.cloud.deploy(setup.bundles[1])).steps).not.toEqual([]);
      expect(await call('echo', '[3]')).toMatchObject({ ok: true });
      expect([setup.cloud.has('echo'), setup.cloud.has('fresh')]).toEqual([true, true]);
    });

    it('measures sizes of memory, recommends one of them, and leaves the deployment as it was', async () => {
      const spec = { name: 'echo', style: 'any', idempotent: true, offload: true, concurrency: 1 } as const;
      const mix = { place: 'pool', entries: [] } as const;
      const before = setup.cloud.status().costTodayUsd;
      const order = { spec, params: '[1]', timeoutMs: 5000, sizesMb: [512], mix };
      const report = await setup.cloud.calibrate(order);
      const sizes = report.sizes.map(({ memoryMb }) => memoryMb);
      expect(sizes).toEqual([512, setup.cloud.rate.memoryMb]);
      expect(sizes).toContain(report.recommended.memoryMb);
      expect(report.sizes.every(({ p50Ms = 0 }) => p50Ms > 0)).toBe(true);
      expect(report.calls).toBeGreaterThan(0);
      expect(setup.cloud.status().costTodayUsd).toBeGreaterThan(before);
      expect(setup.cloud.calibration).toBeUndefined();
      expect((await setup.cloud.deploy(setup.bundles[1])).steps).toEqual([]);
    });

    it('has figures, or none', async () => {
      const figures = await setup.cloud.figures();
      if (figures !== undefined) expect(figures.invocations).toBeGreaterThanOrEqual(0);
      setup.cloud.record({ load: 1, workers: 2, offloaded: 0 });
    });

    it('removes itself, and a second time has nothing to remove', async () => {
      const report = await setup.cloud.destroy();
      expect(report.removed).not.toEqual([]);
      expect(report.left).toEqual([]);
      expect(await setup.cloud.destroy()).toEqual({ removed: [], left: [] });
      expect(setup.cloud).toMatchObject({ state: 'off', reason: 'off' });
      expect(setup.cloud.status().url).toBeUndefined();
      expect(await call('echo', '[1]')).toMatchObject({ failure: { reason: 'off', mayHaveRun: false } });
    });
  });
}
