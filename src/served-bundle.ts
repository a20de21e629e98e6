/** What the pool and the cloud serve: the functions as built, with what they get from the settings. */
import { createHash } from 'node:crypto';
import type { CloudBundle } from './cloud/backend.ts';
import type { PoolBundle } from './pool/bundle.ts';

/** As the pool has it: under a hash of everything in it, so that workers load it anew whatever has changed. */
export interface ServedBundle extends PoolBundle {
  /** The hash of the code alone, by which people and the cloud know it. */
  readonly codeHash: string;
  /** The names of its functions. */
  readonly functions: readonly string[];
}

/** Puts it together. */
export function servedBundle(parts: Omit<ServedBundle, 'hash'>): ServedBundle {
  const { codeHash, env, maxResultBytes } = parts;
  const variables = Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const whole = JSON.stringify([codeHash, variables, maxResultBytes]);
  return { ...parts, hash: createHash('sha256').update(whole).digest('hex') };
}

/** As the cloud has it: under a hash that says nothing of the variables, since it is shown there. */
export function cloudBundle({ codeHash, code, env, functions }: ServedBundle): CloudBundle {
  return { hash: codeHash, code, env, functions };
}
