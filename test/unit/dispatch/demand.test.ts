import { describe, expect, it } from 'vitest';
import { Demand, type WorkingCall } from '../../../src/dispatch/demand.ts';
import { RunTimes } from '../../../src/dispatch/estimates.ts';
import { Occupancy } from '../../../src/pool/occupancy.ts';

function known(ms: number): RunTimes {
  const times = new RunTimes();
  for (let i = 0; i < 5; i += 1) times.observe(ms, ms / 2);
  return times;
}

const call = (is: Partial<WorkingCall>): WorkingCall => ({
  waiting: false,
  unplaced: false,
  leased: false,
  concurrency: 1,
  waitingSince: 0,
  expectedMs: 100,
  leftMs: () => 40,
  ...is,
});

describe('demand', () => {
  it('counts the work that comes and that leaves for the cloud, by slots', () => {
    const demand = new Demand();
    demand.arrived(known(100), 1);
    demand.arrived(known(100), 4);
    demand.arrived(new RunTimes(), 1);
    demand.offload(known(100), 4);
    demand.ran(7);
    const seen = demand.workload([], 0);
    expect(seen.arrivedWorkMs).toBeCloseTo(125);
    expect(seen.offloaded).toEqual({ calls: 1, workMs: 25 });
    expect(seen.cpuMs).toBe(7);
  });

  it('tells what runs and what waits', () => {
    const calls = [
      call({ leased: true }),
      call({ waiting: true, waitingSince: 20 }),
      call({ unplaced: true }),
      call({ waiting: true, concurrency: 2, expectedMs: undefined, waitingSince: 50 }),
      call({}),
    ];
    expect(new Demand().workload(calls, 100)).toMatchObject({
      runningMs: 40,
      waiting: { slots: 2.5, workMs: 200, oldestMs: 80 },
    });
  });
});

describe('occupancy', () => {
  it('sums busy slots over time, and never falls', () => {
    const occupancy = new Occupancy(1000);
    occupancy.change(2, 1000);
    occupancy.change(-1.5, 1100);
    expect([occupancy.slots, occupancy.busyMs(1200)]).toEqual([0.5, 250]);
    occupancy.change(-1, 1200);
    expect([occupancy.slots, occupancy.busyMs(5000)]).toEqual([0, 250]);
    expect(occupancy.busyMs(0)).toBe(250);
    occupancy.add(5);
    occupancy.add(-5);
    expect(occupancy.busyMs(5000)).toBe(255);
  });
});
