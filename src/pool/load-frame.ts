/** The bundle on its way to a worker. */
import { FrameType, encodeFrame } from './frames.ts';
import type { LoadOrder } from './protocol.ts';

/** The bundle as workers receive it. */
export interface PoolBundle extends LoadOrder {
  readonly code: Buffer;
}

/** A LOAD frame: u32 length of the order as JSON, the order, the code. */
export function encodeLoad({ code, ...order }: PoolBundle): Buffer {
  const text = Buffer.from(JSON.stringify(order));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return encodeFrame(FrameType.LOAD, Buffer.concat([length, text, code]));
}
