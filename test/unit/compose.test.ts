import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SETTINGS } from '../../src/settings.ts';

const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');

it('docker-compose.yml passes every setting on that the container doesn’t fix', () => {
  const given = [...text.matchAll(/^ {6}([A-Z_]+): (.*)$/gm)];
  const passed = given.filter(([, name, value]) => value === `\${${name}:-}`).map(([, name]) => name);
  const fixed = given.map(([, name]) => name).filter((name) => !passed.includes(name));
  // Published as ports, and mounted as a folder.
  const otherwise = ['SPILLWAY_PORT', 'SPILLWAY_ADMIN_PORT', 'SPILLWAY_FUNCTIONS'];
  expect(fixed).toEqual([
    'SPILLWAY_HOST',
    'SPILLWAY_ADMIN_HOST',
    'SPILLWAY_INSECURE',
    'SPILLWAY_STATE',
    'SPILLWAY_RUNTIME',
  ]);
  const known = Object.values(SETTINGS).map(({ name }) => name);
  expect(passed.filter((name) => name !== undefined && known.includes(name)).toSorted()).toEqual(
    known.filter((name) => !fixed.includes(name) && !otherwise.includes(name)).toSorted(),
  );
});
