import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SlotProcess } from '../../../worker/slot-process.ts';

/** Longer than Linux lets one variable be. */
const TOO_LONG = 200_000;

it.skipIf(process.platform !== 'linux')('a slot that can’t be started leaves no folder behind', () => {
  const tmp = mkdtempSync(join(tmpdir(), 'spillway-slot-'));
  try {
    const settings = {
      tmp,
      program: '/nowhere/slot.js',
      socket: '/nowhere/socket',
      worker: 'w1',
      memoryMb: 64,
    };
    const bundle = {
      hash: 'h',
      code: Buffer.alloc(0),
      env: { LONG: 'x'.repeat(TOO_LONG) },
      maxResultBytes: 1000,
      cache: undefined,
    };
    const events = { loaded: fail, failed: fail, ended: fail, printed: fail };
    expect(() => new SlotProcess(settings, bundle, events)).toThrow('E2BIG');
    expect(readdirSync(tmp)).toEqual([]);
  } finally {
    rmSync(tmp, { recursive: true, force: true });
  }
});

function fail(): never {
  throw new Error('it was never started');
}
