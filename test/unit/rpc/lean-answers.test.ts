import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { own } from '../../../src/pool/holders.ts';
import { LeanAnswers } from '../../../src/rpc/lean-answers.ts';

it('keeps a large result until it is written, and no longer', () => {
  const json = Buffer.alloc(50_000, 'x');
  own(json);
  const answers = new LeanAnswers();
  answers.settle(answers.ask(), { pieces: ['<', json, '>'], byteLength: 50_002 }, false);
  const written: (string | Buffer)[] = [];
  let taken = (): void => undefined;
  const socket = {
    writable: true,
    cork: () => undefined,
    uncork: () => undefined,
    write: (piece: string | Buffer, done: unknown) => {
      written.push(piece);
      if (typeof done === 'function') taken = done as () => void;
    },
  };
  answers.write(socket as unknown as Socket);
  expect(written.join('')).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n<x{50000}>$/s);
  expect(json).toHaveLength(50_000);
  taken();
  expect(json).toHaveLength(0);
});
