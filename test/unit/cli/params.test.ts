import { describe, expect, it } from 'vitest';
import { paramsOfText, paramsOfWords } from '../../../src/cli/params.ts';

describe('words', () => {
  it.each([
    [[], undefined],
    [['20'], [20]],
    [['Ada'], ['Ada']],
    [
      ['Ada', '7', 'true', 'null', '"7"'],
      ['Ada', 7, true, null, '7'],
    ],
    [['[1,2]'], [1, 2]],
    [['{"width":5}'], { width: 5 }],
    [
      ['[1,2]', '3'],
      [[1, 2], 3],
    ],
    [['[[1,2]]'], [[1, 2]]],
    [['null'], [null]],
    [[''], ['']],
    [['{width:5}'], ['{width:5}']],
  ])('%j are the params %j', (words, params) => {
    expect(paramsOfWords(words)).toEqual(params);
  });
});

describe('a text', () => {
  it.each([
    ['[6, 7]\n', [6, 7]],
    ['{"width":5}', { width: 5 }],
    ['# Title\n\ntext\n', ['# Title\n\ntext']],
    ['123\n', ['123']],
    ['', ['']],
  ])('%j is the params %j', (text, params) => {
    expect(paramsOfText(text)).toEqual(params);
  });
});
