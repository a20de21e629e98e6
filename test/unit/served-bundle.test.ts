import { expect, it } from 'vitest';
import { cloudBundle, servedBundle, type ServedBundle } from '../../src/served-bundle.ts';

const PARTS = {
  codeHash: 'c1',
  code: Buffer.from('code'),
  env: { A: '1', B: '2' },
  maxResultBytes: 1000,
  functions: ['add'],
};

it.each<[string, Partial<ServedBundle>]>([
  ['the code', { codeHash: 'c2' }],
  ['a variable', { env: { A: '1', B: '3' } }],
  ['another variable', { env: { A: '1', B: '2', C: '' } }],
  ['the limit of results', { maxResultBytes: 1001 }],
])('%s changes its hash', (_, changed) => {
  expect(servedBundle({ ...PARTS, ...changed }).hash).not.toBe(servedBundle(PARTS).hash);
});

it('has the same hash in whatever order the variables stand', () => {
  expect(servedBundle({ ...PARTS, env: { B: '2', A: '1' } }).hash).toBe(servedBundle(PARTS).hash);
});

it('is known to the cloud by its code alone', () => {
  const changed = servedBundle({ ...PARTS, env: { A: 'secret' } });
  expect(cloudBundle(changed)).toEqual({
    hash: 'c1',
    code: PARTS.code,
    env: { A: 'secret' },
    functions: ['add'],
  });
});
