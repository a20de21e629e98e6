import { describe, expect, it } from 'vitest';
import { Cell, type Cells } from '../../src/admin/recorder.ts';
import { RunTimes } from '../../src/dispatch/estimates.ts';
import { mixOf } from '../../src/function-mix.ts';
import type { FunctionSpec, Manifest } from '../../src/functions/manifest.ts';

function manifest(...specs: (Partial<FunctionSpec> & { name: string })[]): Manifest {
  const rest = { style: 'any', idempotent: true, offload: true, concurrency: 1 } as const;
  return new Map(specs.map((spec) => [spec.name, { ...rest, ...spec }]));
}

function cells(pool: readonly number[], cloud: readonly number[]): Cells {
  const made = { pool: new Cell(), cloud: new Cell(), none: new Cell() };
  for (const ms of pool) made.pool.run.record(ms);
  for (const ms of cloud) made.cloud.run.record(ms);
  return made;
}

const twenty = Array.from({ length: 20 }, () => 50);
const dispatcher = {
  known: () => {
    const local = new RunTimes();
    local.observe(100, 25);
    return { local };
  },
};

describe('the mix on record', () => {
  it('is what ran in the cloud, once that is enough', () => {
    const recorded = new Map([['a', cells([10], twenty)]]);
    expect(mixOf(manifest({ name: 'a' }), recorded, dispatcher)).toEqual({
      place: 'cloud',
      entries: [{ method: 'a', calls: 20, runMs: 50, cpuShare: 0.25 }],
    });
  });

  it('else what ran in the pool', () => {
    const recorded = new Map([['a', cells([10, 30], twenty.slice(1))]]);
    expect(mixOf(manifest({ name: 'a' }), recorded, undefined)).toEqual({
      place: 'pool',
      entries: [{ method: 'a', calls: 2, runMs: 20, cpuShare: undefined }],
    });
  });

  it('has no functions that stay here, were never called or are gone', () => {
    const recorded = new Map([
      ['stays', cells([10], [])],
      ['gone', cells([10], twenty)],
    ]);
    const known = manifest({ name: 'stays', offload: false }, { name: 'new' });
    expect(mixOf(known, recorded, dispatcher)).toEqual({ place: 'pool', entries: [] });
    expect(mixOf(undefined, recorded, dispatcher).entries).toEqual([]);
  });

  it('doesn’t know a share that wasn’t measured', () => {
    const recorded = new Map([['a', cells([10], [])]]);
    const unmeasured = { known: () => ({ local: new RunTimes() }) };
    expect(mixOf(manifest({ name: 'a' }), recorded, unmeasured).entries).toMatchObject([
      { cpuShare: undefined },
    ]);
  });
});
