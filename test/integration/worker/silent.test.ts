/** Real workers that are stopped, or whose connections go silent. What is told is compared, and no times. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/balancer.ts';
import { Relay } from './relay.ts';
import { WorkerRig, type Ended } from './rig.ts';

describe.skipIf(process.platform !== 'linux')('a worker', () => {
  let rig: WorkerRig;
  let relay: Relay | undefined;

  beforeEach(async () => {
    rig = new WorkerRig();
    await rig.open();
    await rig.startReady();
  });

  afterEach(async () => {
    for (const { process: child } of rig.workers) child.kill('SIGCONT');
    await relay?.close();
    relay = undefined;
    await rig.close();
  });

  /** What was told of one worker: `ready, eject, lost`. */
  const toldOf = (id: string): string =>
    rig.events
      .map((event) => event.split(/[ :]/))
      .filter(([, about]) => about === id)
      .map(([what]) => what)
      .join(', ');

  async function startRelayed(): Promise<Relay> {
    relay = await Relay.open(join(rig.folder, 'relay.sock'), rig.socket);
    await rig.startReady({ socket: relay.path });
    return relay;
  }

  it('that is stopped is ejected, and then lost, without a call', async () => {
    const worker = await rig.startReady();
    worker.process.kill('SIGSTOP');
    await rig.until('lost w2');
    expect(toldOf('w2')).toBe('ready, eject, lost');
    expect(toldOf('w1')).toBe('ready');
  });

  it('that goes on after a while is readmitted', async () => {
    const worker = await rig.startReady();
    worker.process.kill('SIGSTOP');
    await rig.until('eject w2');
    worker.process.kill('SIGCONT');
    await rig.until('readmit w2');
    const answers = await Promise.all([1, 2].map((n) => rig.call('naps', [50, n])));
    expect(new Set(answers.map(({ worker: by }) => by))).toEqual(new Set(['w1', 'w2']));
  });

  it('that is the last one is not ejected, but lost', async () => {
    rig.workers[0]!.process.kill('SIGSTOP');
    await rig.until('lost w1');
    expect(toldOf('w1')).toBe('ready, lost');
  });

  it('whose connections are cut is lost at once, and its calls go elsewhere', async () => {
    const { dialled } = await startRelayed();
    const calls = [1, 2].map((n) => rig.call('naps', [400, n]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    relay?.cut();
    expect((await Promise.all(calls)).map(({ result }) => result)).toEqual([1, 2]);
    expect(await rig.until('lost w2')).toContain('the connection was closed');
    // It dials again, and nobody wants it.
    await until('it dials again', () => relay!.dialled > dialled + 1);
    expect(toldOf('w2')).toBe('ready, lost');
  });

  it('whose connections fall silent is ejected, and its calls go elsewhere', async () => {
    await startRelayed();
    const calls = [1, 2].map((n) => rig.call('naps', [1500, n]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    relay?.silence();
    const answers: Ended[] = await Promise.all(calls);
    expect(answers.map(({ result, worker }) => [result, worker])).toEqual([
      [1, 'w1'],
      [2, 'w1'],
    ]);
    await rig.until('lost w2');
    expect(toldOf('w2')).toBe('ready, eject, lost');
  });

  it('one of whose slots is stopped goes on, and replaces that slot at the deadline', async () => {
    const { result } = await rig.call('look', [[]]);
    process.kill((result as { pid: number }).pid, 'SIGSTOP');
    expect(await rig.call('add', [1, 1], 500)).toEqual({ error: 'Timeout' });
    await rig.until('slot of w1: ended at the deadline of its call');
    expect(await rig.call('add', [1, 1])).toEqual({ result: 2, worker: 'w1' });
    expect(rig.events.filter((event) => /^(eject|lost)/.test(event))).toEqual([]);
  });
});
