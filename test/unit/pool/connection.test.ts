import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WireEnd } from '../../fakes/wire.ts';
import { settle, startTime, stopTime } from '../../fakes/virtual-time.ts';
import { Connection } from '../../../src/pool/connection.ts';
import { readSmallResult } from '../../../src/pool/data-frames.ts';
import {
  FrameDecoder,
  FrameType,
  HEADER_BYTES,
  encodeAnswer,
  encodeFrame,
} from '../../../src/pool/frames.ts';

const LIMIT = 1000;

describe('Connection', () => {
  let peer: WireEnd;
  let mine: WireEnd;
  let connection: Connection;
  /** What the peer received. */
  let received: string[];
  /** What the connection told. */
  let told: string[];

  beforeEach(() => {
    stopTime();
    [peer, mine] = WireEnd.pair();
    connection = new Connection(mine.socket, LIMIT);
    received = [];
    told = [];
    const decoder = new FrameDecoder(Number.MAX_SAFE_INTEGER);
    peer.on('data', (chunk: Buffer) => {
      decoder.push(chunk, (type, _id, payload) => received.push(`${type} ${payload.length}`));
    });
    attach();
  });
  afterEach(startTime);

  function attach(limit = LIMIT): void {
    connection.attach(
      limit,
      (type, _id, payload) => told.push(`${type} ${payload.toString()}`),
      (reason, garbage) => told.push(garbage ? `garbage: ${reason}` : `closed: ${reason}`),
    );
  }

  it('tells small results by themselves to whoever wants that, until it ends', () => {
    const result = (text: string): Buffer => encodeAnswer(FrameType.RESULT, 7, 1000, 2000, text);
    peer.write(result('"a"'));
    settle();
    connection.attach(
      LIMIT,
      (type) => told.push(`${type}`),
      () => told.push('closed'),
      (callId, bytes, from, to) => {
        told.push(`${callId} ${JSON.stringify(readSmallResult(bytes, from, to))}`);
        connection.destroy('enough');
      },
    );
    told.length = 0;
    peer.write(Buffer.concat([result('"ž"'), result('"late"')]));
    settle();
    const answer = { json: Buffer.from('"ž"').toString('latin1'), runMs: 1, cpuMs: 2 };
    expect(told).toEqual([`7 ${JSON.stringify(answer)}`, 'closed']);
    const cut = encodeFrame(FrameType.RESULT, Buffer.alloc(7));
    expect(readSmallResult(cut, HEADER_BYTES, cut.length)).toBeUndefined();
  });

  it('writes all frames of a turn at once', () => {
    for (let i = 1; i <= 20; i += 1) connection.send(encodeFrame(i, 'x'));
    settle();
    expect(mine.writes).toBe(1);
    expect(received).toHaveLength(20);
    connection.send(encodeFrame(1, 'x'));
    settle();
    expect(mine.writes).toBe(2);
  });

  it('copies no large frames together', () => {
    connection.send(encodeFrame(1, Buffer.alloc(60_000)));
    connection.send(encodeFrame(2, Buffer.alloc(60_000)));
    settle();
    expect([mine.writes, received]).toEqual([2, ['1 60000', '2 60000']]);
  });

  it('tells of its end once, and of nothing afterwards', () => {
    connection.destroy('enough');
    connection.destroy('again');
    peer.write(encodeFrame(1, 'late'));
    settle();
    expect(told).toEqual(['closed: enough']);
  });

  it('tells who is attached later that it is closed already', () => {
    connection.destroy('enough');
    attach();
    expect(told).toEqual(['closed: enough', 'closed: enough']);
  });

  it('is closed by its peer', () => {
    peer.destroy();
    settle();
    expect(told).toEqual(['closed: the connection was closed']);
  });

  it('is closed by an error', () => {
    mine.emit('error', new Error('EPIPE'));
    expect(told).toEqual(['closed: the connection failed: EPIPE']);
  });

  it('is closed by garbage, and tells nothing that follows it', () => {
    peer.write(Buffer.concat([encodeFrame(1, 'a'), Buffer.alloc(4), encodeFrame(2, 'b')]));
    settle();
    expect(told).toEqual(['1 a', 'garbage: a frame of 0 bytes is outside the limits']);
    expect(peer.writable).toBe(false);
  });

  it('tells no more of a chunk once it was cut in the middle of it', () => {
    connection.attach(
      LIMIT,
      (type) => {
        told.push(String(type));
        connection.destroy('cut by the first');
      },
      () => undefined,
    );
    peer.write(Buffer.concat([encodeFrame(1), encodeFrame(2), encodeFrame(3)]));
    settle();
    expect(told).toEqual(['1']);
  });

  it('heeds a limit that is raised when somebody else is attached', () => {
    peer.write(encodeFrame(1, 'x'.repeat(2000)).subarray(0, 2));
    settle();
    attach(5000);
    peer.write(encodeFrame(1, 'x'.repeat(2000)).subarray(2));
    settle();
    expect(told[0]).toHaveLength(2002);
  });

  it('writes nothing once it is closed, also not what was sent in the same turn', () => {
    connection.send(encodeFrame(1));
    connection.destroy('enough');
    connection.send(encodeFrame(2));
    settle();
    expect([mine.writes, received]).toEqual([0, []]);
  });

  it('lets an exception of its owner through, and doesn’t take it for garbage', () => {
    connection.attach(
      LIMIT,
      () => {
        throw new TypeError('a bug');
      },
      () => told.push('closed'),
    );
    peer.write(encodeFrame(1));
    expect(settle).toThrow('a bug');
    expect(told).toEqual([]);
  });
});
