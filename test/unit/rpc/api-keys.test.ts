import { describe, expect, it } from 'vitest';
import { createKeyCheck } from '../../../src/rpc/api-keys.ts';

describe('API keys', () => {
  const mayCall = createKeyCheck(['first-key', 'second', 'schlüssel']);

  it.each([
    [{ authorization: 'Bearer first-key' }, true],
    [{ authorization: 'bearer second' }, true],
    [{ authorization: 'BEARER   second ' }, true],
    [{ 'x-api-key': 'second' }, true],
    [{ 'x-api-key': Buffer.from('schlüssel').toString('latin1') }, true],
    [{ authorization: 'Bearer nope', 'x-api-key': 'second' }, true],
    [{ authorization: 'Basic abc', 'x-api-key': 'second' }, true],
    [{}, false],
    [{ authorization: 'Bearer' }, false],
    [{ authorization: 'Bearer ' }, false],
    [{ authorization: 'second' }, false],
    [{ authorization: 'Basic second' }, false],
    [{ authorization: 'Bearer second second' }, false],
    [{ 'x-api-key': '' }, false],
    [{ 'x-api-key': 'secon' }, false],
    [{ 'x-api-key': 'secondd' }, false],
    [{ 'x-api-key': 'SECOND' }, false],
    [{ 'x-api-key': 'first-key, second' }, false],
  ])('%j: %s', (headers, expected) => {
    expect(mayCall(headers)).toBe(expected);
  });

  it('without any, everyone may call', () => {
    expect(createKeyCheck([])({})).toBe(true);
  });
});
