/** Placement by foresight: the real dispatcher over fake workers and a fake cloud. */
import { describe, expect, it } from 'vitest';
import { errorOf, fate } from '../../fakes/balancer.ts';
import { pass } from '../../fakes/virtual-time.ts';
import { OK, OffloadRig, THROTTLED } from './offload-rig.ts';

/** The round trip of the fake cloud, in milliseconds. */
const TRIP_MS = 40;

describe('predictive', () => {
  const rig = new OffloadRig();

  const start = (options: Parameters<OffloadRig['start']>[0] = {}): void =>
    rig.start({ offload: { policy: 'predictive', waitMs: 50 }, offloadUsdPerHour: 10, ...options });

  /** Lets the cloud be known: it is `tripMs` away and runs `again` for as long as the pool does. */
  const know = (runMs: number, tripMs = TRIP_MS, calls = 8): void => {
    rig.learn('again', runMs);
    rig.learn('once', runMs);
    rig.cloud.runMs = runMs;
    for (let i = 0; i < calls; i += 1) {
      rig.call('again', { backend: 'cloud' });
      pass(runMs + tripMs);
      rig.cloudEnds(OK);
    }
    rig.cloud.calls.length = 0;
  };

  it('takes a free slot without asking', () => {
    start();
    know(100);
    rig.call('once');
    expect([rig.sent, rig.slot.calls.length]).toEqual([0, 1]);
  });

  it('takes the room that one makes who leaves as it comes', () => {
    start({
      functions: { again: { idempotent: true }, once: {}, many: { concurrency: 10, offload: false } },
    });
    know(100);
    rig.learn('many', 10_000);
    rig.call('many');
    rig.cloud.degrade('throttled');
    rig.call('once'); // the slot is held back for it
    rig.cloud.degrade(undefined);
    rig.call('many');
    expect([rig.sent, rig.slot.calls.length, rig.balancer.dispatcher.queued]).toEqual([1, 2, 0]);
  });

  it('sends a call that the cloud answers sooner, and says what was expected of both', () => {
    start();
    know(100);
    rig.call('home');
    rig.call('home');
    const made = rig.call('once');
    expect(rig.sent).toBe(1);
    pass(140);
    rig.cloudEnds(OK);
    expect(fate(made)).toBe('ok "cloud"');
    const { placement } = made.outcomes[0]!.report;
    expect(placement).toMatchObject({ reason: 'cloud sooner' });
    expect(placement!.localMs).toBeGreaterThan(placement!.cloudMs);
    expect(placement!.cloudMs).toBeGreaterThan(120);
  });

  it('keeps a call whose wait is shorter than the way', () => {
    start();
    know(20, 200);
    rig.call('again');
    const made = rig.call('once');
    pass(15);
    expect(rig.sent).toBe(0);
    rig.answer(20);
    rig.answer(20);
    expect(made.outcomes[0]!.report.placement).toMatchObject({ reason: 'local sooner' });
  });

  it('sends a call for the sake of those to come where more comes than the pool can do', () => {
    start();
    know(100, 80);
    const busyOnce = (): ReturnType<typeof rig.call> => {
      rig.call('home');
      pass(50);
      const made = rig.call('once');
      pass(1);
      return made;
    };
    // Here it is answered in 150 ms, there in 180.
    const calm = busyOnce();
    expect(rig.sent).toBe(0);
    while (rig.slot.calls.length > 0) rig.answer(100);
    expect(calm.outcomes[0]!.report.placement).toMatchObject({ reason: 'local sooner' });
    const manyCome = (calls: number): void => {
      for (let n = 0; n < calls; n += 1) {
        rig.call('home');
        rig.answer(100);
        pass(25);
      }
    };
    // Forty calls a second of 100 ms each: a load of four.
    manyCome(80);
    const { dispatcher, specs } = rig.balancer;
    for (let n = 1; n <= 60; n += 1) {
      const made = busyOnce();
      expect(rig.sent).toBe(n);
      pass(180);
      rig.cloudEnds(OK);
      expect(made.outcomes[0]!.report.placement).toMatchObject({ reason: 'relieves others' });
      rig.answer(100);
      manyCome(20);
    }
    // It took longer than it would have here, each time; that isn't held against it.
    expect(
      dispatcher.known(specs.find(({ name }) => name === 'once')!).estimates?.guard.reason,
    ).toBeUndefined();
  });

  it('keeps a call whose time saved is too dear', () => {
    start({ offloadUsdPerHour: 0.0001 });
    know(100);
    rig.call('home');
    rig.call('home');
    const made = rig.call('once');
    expect(rig.sent).toBe(0);
    rig.answer();
    rig.answer();
    rig.answer();
    expect(made.outcomes[0]!.report.placement).toMatchObject({ reason: 'too dear' });
  });

  it('sends what only the cloud can answer in time, at any price', () => {
    start({ offloadUsdPerHour: 0.0001 });
    know(100);
    rig.call('home');
    rig.call('home');
    rig.call('once', { timeoutMs: 250 });
    expect(rig.sent).toBe(1);
  });

  it('refuses at once what can be in time nowhere', () => {
    start();
    know(1000);
    rig.cloud.degrade('throttled');
    rig.call('home');
    rig.call('home');
    rig.call('once', { timeoutMs: 30_000 });
    const made = rig.call('once', { timeoutMs: 1100 });
    const message = "Overloaded: more work waits than can be done in the call's time";
    expect(errorOf(made)).toMatchObject({ name: 'Overloaded', message });
    expect(rig.balancer.dispatcher.queued).toBe(2);
  });

  it('looks again every 20 ms: a call leaves once its wait turns out longer, or the cloud is back', () => {
    start();
    know(100);
    rig.cloud.degrade('throttled');
    rig.call('home');
    rig.call('home');
    const made = rig.call('once');
    pass(50);
    expect(rig.sent).toBe(0);
    rig.cloud.degrade(undefined);
    pass(25);
    expect(rig.sent).toBe(1);
    rig.cloudEnds(OK);
    expect(fate(made)).toBe('ok "cloud"');
  });

  it('stops looking when nothing waits, or the policy is another', () => {
    start();
    know(100);
    rig.cloud.degrade('budget spent');
    rig.call('home');
    rig.call('once');
    rig.balancer.dispatcher.offload.rule = { policy: 'threshold', waitMs: 50 };
    pass(25);
    rig.cloud.degrade(undefined);
    pass(300);
    expect(rig.sent).toBe(1);
  });

  it('copies a call to start an instance, and the first answer wins', () => {
    start();
    rig.learn('again', 100);
    rig.call('home');
    rig.call('home');
    rig.call('home');
    rig.call('home');
    const made = rig.call('again', { params: '[1]' });
    expect(rig.sent).toBe(1);
    expect(rig.balancer.dispatcher.queued).toBe(4);
    rig.cloudEnds(OK);
    expect(fate(made)).toBe('ok "cloud"');
    expect(rig.balancer.dispatcher.queued).toBe(3);
    for (let i = 0; i < 4; i += 1) rig.answer(100);
    expect(rig.counts).toMatchObject({ failed: 0 });
    expect(rig.underWay).toBe(0);
  });

  it('a copy that is refused leaves its call in the queue', () => {
    start();
    rig.learn('again', 100);
    for (let i = 0; i < 4; i += 1) rig.call('home');
    const made = rig.call('again');
    rig.cloudEnds(THROTTLED);
    for (let i = 0; i < 5; i += 1) rig.answer(100);
    expect(fate(made)).toBe('ok "pool"');
    expect(rig.sent).toBe(1);
  });

  it('counts an hour where no slot is left, and learns nothing from it', () => {
    start();
    know(100);
    rig.balancer.workers[0]!.die();
    pass(1);
    const made = rig.call('once');
    rig.cloudEnds(OK);
    expect(made.outcomes[0]!.report.placement).toMatchObject({ localMs: 3_600_000 });
  });

  it('copies nothing that may run only once', () => {
    start();
    rig.learn('once', 100);
    for (let i = 0; i < 3; i += 1) rig.call('home');
    rig.call('once');
    expect(rig.sent).toBe(0);
  });

  it('the guard suspends a function whose calls would have been sooner here', () => {
    start();
    know(100);
    const { dispatcher, specs } = rig.balancer;
    const spec = specs.find(({ name }) => name === 'again')!;
    const round = (): void => {
      for (let n = 0; n < 3; n += 1) rig.call('home');
      rig.call('again');
      pass(1);
      // It says that it ran for 100 ms, but the answer is there at once.
      while (rig.slot.calls.length > 0) rig.answer(100);
      pass(140);
      while (rig.cloud.held.length > 0) rig.cloudEnds(OK);
    };
    rig.cloud.degrade('throttled');
    for (let i = 0; i < 50; i += 1) round();
    rig.cloud.degrade(undefined);
    for (let i = 0; i < 30; i += 1) round();
    expect(dispatcher.known(spec).estimates?.guard.reason).toMatch(/^the last 30 offloaded calls took/);
    expect(rig.sent).toBe(30);
    round();
    expect(rig.sent).toBe(30);
    expect(
      dispatcher.known(specs.find(({ name }) => name === 'home')!).estimates?.guard.reason,
    ).toBeUndefined();
  });

  it('learns under any policy', () => {
    start({ offload: { policy: 'threshold', waitMs: 50 } });
    know(100);
    rig.call('home');
    rig.call('home');
    rig.balancer.dispatcher.offload.rule = { policy: 'predictive', waitMs: 50 };
    rig.call('once');
    expect(rig.sent).toBe(1);
  });
});

describe('threshold', () => {
  const rig = new OffloadRig();

  it.each([
    ['waits for a slot that will be ready before the cloud could answer', [30], 0],
    ['leaves if that comes later than the cloud', [5000], 1],
  ])('%s', (_what, slotsReadyInMs, sent) => {
    rig.start({ slotsReadyInMs: () => slotsReadyInMs });
    rig.learn('once', 400);
    rig.call('home');
    rig.call('once');
    pass(70);
    expect(rig.sent).toBe(sent);
  });
});
