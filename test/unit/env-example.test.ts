import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { expect, it } from 'vitest';
import { SETTINGS } from '../../src/settings.ts';

const text = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');

it('names every setting, with its default, and no other', () => {
  const known = Object.values(SETTINGS).map((entry) => [entry.name, entry.default ?? '']);
  expect(parseEnv(text)).toEqual(Object.fromEntries(known));
});

it('says something about every setting', () => {
  const lines = text.split('\n');
  // The pairs of host and port are explained together.
  const together = ['SPILLWAY_ADMIN_PORT', 'AWS_ENDPOINT_URL'];
  const bare = lines.filter((line, index) => /^[A-Z]/.test(line) && !lines[index - 1]?.startsWith('# '));
  expect(bare.map((line) => line.split('=')[0])).toEqual(together);
});
