import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FunctionEnvFault, readFunctionEnv } from '../../src/functions/env.ts';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spillway-env-'));
  file = join(dir, 'functions.env');
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function read(text: string): Readonly<Record<string, string>> {
  writeFileSync(file, text);
  return readFunctionEnv(file);
}

describe('a file of variables', () => {
  it.each([
    ['', {}],
    ['\n# nothing\n  # at all\n', {}],
    ['A=1\nB=two words\nC=', { A: '1', B: 'two words', C: '' }],
    ['export A=1\n  B = 2  # two', { A: '1', B: '2' }],
    ['A="x # y" # z', { A: 'x # y' }],
    ['KEY="-----BEGIN\nabc=\n-----END"\nNEXT=1', { KEY: '-----BEGIN\nabc=\n-----END', NEXT: '1' }],
    ["A='it is \"quoted\"'\nB=`it's`", { A: 'it is "quoted"', B: "it's" }],
    ['A=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['\uFEFFA=1', { A: '1' }],
    ['A=1=2\nA=3', { A: '3' }],
    ['A= \nB=1\nC=\t\r\nD=2', { A: '', B: '1', C: '', D: '2' }],
    ['A=x #y\nB= # nothing\nC="a#b"', { A: 'x', B: '', C: 'a#b' }],
    ['A= "x#y"\nB=#nothing\nexport C=\t\'p#q\'', { A: 'x#y', B: '', C: 'p#q' }],
    ['URL=postgres://me@host/db?x=y', { URL: 'postgres://me@host/db?x=y' }],
  ])('%j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    ['A=1\njust words\nB=2', 2],
    ['A=1\n\n=x', 3],
    ['1A=x', 1],
    ['A B=x', 1],
    ['A-B=x', 1],
    ['A="x\nB=2\nC=3', 1],
    ['A="x\ny"\nB', 3],
    ['A="x" y', 1],
  ])('%j is refused at line %i', (text, line) => {
    expect(() => read(text)).toThrow(FunctionEnvFault);
    expect(() => read(text)).toThrow(`functions.env:${line}: use NAME=value`);
  });

  it('is not shown when it is refused', () => {
    expect(() => read('SECRET="hunter2')).not.toThrow(/hunter2/);
  });

  it('must be there, and be a file', () => {
    expect(() => readFunctionEnv(join(dir, 'none'))).toThrow(/SPILLWAY_FUNCTION_ENV is ".*none", .*ENOENT/);
    expect(() => readFunctionEnv(dir)).toThrow(/SPILLWAY_FUNCTION_ENV is .*EISDIR/);
  });

  it.each([
    ['A=1\nPASSWORD=abc#123', 2],
    ['URL=http://host/#top', 1],
    ['A=abc==#x', 1],
  ])('%j is refused, since the value would end at the #', (text, line) => {
    expect(() => read(text)).toThrow(`functions.env:${line}: put the value in quotes`);
  });
});
