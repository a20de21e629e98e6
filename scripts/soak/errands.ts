/** What a soak asks for: every example function, each with a way to know its right answer. */
import { deflateSync } from 'node:zlib';
import { pngOf } from '../../test/unit/functions/png-file.ts';
import type { Errand } from './journal.ts';

const OVERLOADED = -32001;
const WORKER_LOST = -32003;
const CLOUD_FAILED = -32004;

/** The side of the picture that thumbnail gets, in pixels. */
const SIDE = 24;
const PNG_START = Buffer.from('89504e470d0a1a0a', 'hex');

const PICTURE = pngOf({
  width: SIDE,
  height: SIDE,
  pixels: deflateSync(Buffer.alloc(SIDE * (1 + SIDE * 4))),
}).toString('base64');

const FIBONACCI = [0, 1];
for (let n = 2; n <= 25; n++) FIBONACCI.push((FIBONACCI[n - 1] ?? 0) + (FIBONACCI[n - 2] ?? 0));

function same(expected: unknown): (result: unknown) => string | undefined {
  const text = JSON.stringify(expected);
  return (result) => {
    const got = JSON.stringify(result);
    return got === text ? undefined : `${got.slice(0, 100)} in place of ${text.slice(0, 100)}`;
  };
}

function startsAsPng(width: number): (result: unknown) => string | undefined {
  return (result) => {
    const bytes = Buffer.from(typeof result === 'string' ? result : '', 'base64');
    if (!bytes.subarray(0, PNG_START.length).equals(PNG_START)) return 'no picture';
    const wide = bytes.readUInt32BE(16);
    return wide === width ? undefined : `${wide} pixels wide in place of ${width}`;
  };
}

/** Makes an errand; `random` gives numbers from 0 up to 1. */
export function errandOf(random: () => number): Errand {
  const number = (below: number): number => Math.floor(random() * below);
  const mayFailWith = [OVERLOADED];
  switch (number(6)) {
    case 0: {
      // It isn't idempotent: where its worker dies, or the cloud doesn't answer, nobody may run it again.
      const ms = number(300);
      const uncertain = [WORKER_LOST, CLOUD_FAILED];
      return { method: 'sleep', params: [ms], fault: same(ms), mayFailWith: [...mayFailWith, ...uncertain] };
    }
    case 1: {
      const words = 1 + number(500);
      const text = Array.from({ length: words }, () => 'word').join(' ');
      const counted = { words, lines: 1, characters: text.length };
      return { method: 'wordcount', params: [text], fault: same(counted), mayFailWith };
    }
    case 2: {
      const token = `t${number(1e9)}`;
      const html = `<h1>${token}</h1>\n`;
      return { method: 'markdown', params: [`# ${token}`], fault: same(html), mayFailWith };
    }
    case 3: {
      const width = 1 + number(SIDE - 1);
      const params = { image: PICTURE, width };
      return { method: 'thumbnail', params, fault: startsAsPng(width), mayFailWith };
    }
    default: {
      const n = number(FIBONACCI.length);
      return { method: 'fibonacci', params: [n], fault: same(FIBONACCI[n]), mayFailWith };
    }
  }
}
