/** The rules by which workers are judged, without a pool: time is what the test says has passed. */
import { beforeEach, describe, expect, it } from 'vitest';
import { LOOK_MS, Liveness, judge, type Judged } from '../../../src/pool/liveness.ts';

/** A worker that does what the verdicts say. */
class Paper implements Judged {
  readonly id: string;
  state = 'ready';
  beats = true;
  readonly liveness = new Liveness();

  constructor(id: string) {
    this.id = id;
  }
}

describe('judging workers by their beats', () => {
  let workers: Paper[];
  let now: number;
  /** `verdict worker at ms`. */
  let told: string[];

  beforeEach(() => {
    now = 0;
    told = [];
  });

  const pool = (count: number): Paper[] =>
    (workers = Array.from({ length: count }, (_, i) => new Paper(`w${i + 1}`)));

  /** Lets time pass as it does with a beat every 500 ms and a look every 250; `until` is absolute. */
  function run(until: number, elapsedMs = LOOK_MS): void {
    while (now < until) {
      now += LOOK_MS;
      for (const { beats, liveness } of workers) if (beats && now % 500 === 0) liveness.beat();
      for (const { worker, verdict } of judge(workers, elapsedMs)) {
        told.push(`${verdict} ${worker.id} at ${now}`);
        if (verdict === 'lose') workers = workers.filter((other) => other !== worker);
        else worker.state = verdict === 'eject' ? 'ejected' : 'ready';
      }
    }
  }

  it('leaves alone who beats', () => {
    pool(3);
    run(100_000);
    expect(told).toEqual([]);
  });

  it('ejects who is silent, and loses it, both within 3 s', () => {
    const [first] = pool(2);
    run(1000);
    first!.beats = false; // its last beat was just now
    run(10_000);
    expect(told).toEqual(['eject w1 at 2500', 'lose w1 at 3500']);
  });

  it('keeps a flapping worker out for growing times', () => {
    const [first] = pool(3);
    const outMs: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      told = [];
      first!.beats = false;
      run(now + 2000);
      first!.beats = true;
      const ejectedAt = Number(told[0]?.split(' at ')[1]);
      for (let i = 0; i < 400 && first!.state === 'ejected'; i += 1) run(now + LOOK_MS);
      outMs.push(now - ejectedAt);
      run(now + 1000 - (now % 1000));
    }
    expect(outMs).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('forgets an ejection for each steady half minute', () => {
    const [first] = pool(3);
    const flap = (): number => {
      first!.beats = false;
      run(now + 2000);
      first!.beats = true;
      const since = now;
      for (let i = 0; i < 100 && first!.state === 'ejected'; i += 1) run(now + LOOK_MS);
      return now - since;
    };
    const times = [flap(), flap()];
    run(now + 65_000);
    times.push(flap());
    expect(times[0]).toBeLessThan(times[1]!);
    expect(times[2]).toBe(times[0]);
  });

  it('never ejects the last ready worker for late beats, but loses it if it stays silent', () => {
    const [only] = pool(1);
    run(1000);
    only!.beats = false;
    run(3000);
    only!.beats = true;
    run(10_000);
    expect(told).toEqual([]);
    only!.beats = false;
    run(20_000);
    expect(told).toEqual(['lose w1 at 12500']);
  });

  it('keeps half of the pool ready, and ejects those first that are silent for longest', () => {
    pool(5);
    run(1000);
    workers[4]!.beats = false;
    run(1500);
    for (const i of [1, 2, 3]) workers[i]!.beats = false;
    run(3250);
    // Three of five are at least half.
    expect(told).toEqual(['eject w5 at 2500', 'eject w2 at 3000']);
    for (const worker of workers) worker.beats = true;
    run(10_000);
    expect(told.slice(2).map((one) => one.slice(0, 10))).toEqual(['readmit w5', 'readmit w2']);
  });

  it('readmits a worker that beats before its time is over when too few others are left', () => {
    pool(2);
    for (let round = 0; round < 4; round += 1) {
      workers[0]!.beats = false;
      run(now + 2000);
      workers[0]!.beats = true;
      if (round < 3) for (let i = 0; i < 100 && workers[0]!.state === 'ejected'; i += 1) run(now + LOOK_MS);
    }
    expect(workers[0]!.state).toBe('ejected'); // for 8 s
    run(now + 1000);
    workers = workers.slice(0, 1); // the other died
    told = [];
    run(now + LOOK_MS);
    expect(told).toEqual([`readmit w1 at ${now}`]);
  });

  it('does not readmit an ejected worker that is silent, whoever is left', () => {
    pool(2);
    workers[0]!.beats = false;
    run(2000);
    expect(workers[0]!.state).toBe('ejected');
    workers = workers.slice(0, 1);
    told = [];
    run(5000);
    expect(told).toEqual(['lose w1 at 2500']);
  });

  it('holds a balancer’s own stall against nobody', () => {
    pool(3);
    run(1000);
    for (const worker of workers) worker.beats = false;
    // It comes a minute late, and then again; nothing has been read meanwhile.
    expect(judge(workers, 60_000)).toEqual([]);
    for (const { liveness } of workers) liveness.beat();
    expect(judge(workers, 60_000)).toEqual([]);
    run(now + 750, 60_000);
    expect(told).toEqual([]);
  });

  it('lets who is being started or paused be silent', () => {
    const [starting, standby] = pool(3);
    starting!.state = 'starting';
    standby!.state = 'standby';
    starting!.beats = standby!.beats = false;
    run(60_000);
    expect(told).toEqual([]);
    starting!.state = 'ready'; // from now on it counts
    run(64_000);
    expect(told).toEqual(['eject w1 at 61500', 'lose w1 at 62500']);
  });

  it('suspends judgement while a worker is being paused, and until its first beat afterwards', () => {
    const [paused] = pool(3);
    paused!.liveness.suspend();
    paused!.beats = false;
    run(60_000);
    paused!.liveness.resume();
    run(64_000);
    expect(told).toEqual([]);
    paused!.liveness.beat();
    run(70_000);
    expect(told).toEqual(['eject w1 at 65750', 'lose w1 at 66750']);
  });

  it('judges a worker that never beats after it was resumed', () => {
    const [paused] = pool(3);
    paused!.liveness.suspend();
    paused!.beats = false;
    run(10_000);
    paused!.liveness.resume();
    run(30_000);
    expect(told).toEqual(['eject w1 at 16500', 'lose w1 at 17500']);
  });

  it('loses a silent worker that drains, and never ejects it', () => {
    const [draining] = pool(1);
    draining!.state = 'draining';
    draining!.beats = false;
    run(10_000);
    expect(told).toEqual(['lose w1 at 2500']);
  });
});
