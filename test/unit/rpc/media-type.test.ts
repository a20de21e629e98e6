import { describe, expect, it } from 'vitest';
import { whyNotJson } from '../../../src/rpc/media-type.ts';

describe('a content type', () => {
  it.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json ; charset="utf-8"',
    'application/json; charset="u\\tf-8"',
    'application/json; charset=utf8',
    'application/json; profile="a;charset=latin1"; charset=utf-8',
    'application/json;',
    'application/json; ; charset=utf-8',
    'application/json-rpc',
    'application/jsonrequest; version=1',
  ])('%s is taken', (type) => {
    expect(whyNotJson(type)).toBeUndefined();
  });

  it.each([
    [undefined, 'missing'],
    ['', '""'],
    ['text/plain', 'text/plain'],
    ['application/x-www-form-urlencoded', 'x-www-form-urlencoded'],
    ['text/application/json', 'text/application/json'],
    ['application/jsonp', 'application/jsonp'],
    ['application/json-rpc2', 'application/json-rpc2'],
    ['multipart/form-data; boundary=application/json', 'multipart'],
    ['application/json, text/plain', 'text/plain'],
    ['application/json; charset=latin1', 'latin1'],
    ['application/json; CHARSET="iso-8859-1"', 'iso-8859-1'],
    ['application/json; charset', "can't be read"],
    ['application/json; charset=utf-8 latin1', "can't be read"],
    ['application/json; a="unclosed', "can't be read"],
    [`text/${'x'.repeat(1e5)}`, 'text/xxx'],
  ])('%s is not', (type, says) => {
    expect(whyNotJson(type)).toContain(says);
    expect(whyNotJson(type)!.length).toBeLessThan(200);
  });
});
