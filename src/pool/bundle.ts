/** The bundle as workers receive it. */
import { FrameType, encodeFrame } from './frames.ts';
import type { LoadOrder } from './protocol.ts';

/** The functions of one hash, and what goes with them. */
export interface PoolBundle extends LoadOrder {
  readonly code: Buffer;
}

/** The LOAD frame: the order as JSON behind its length, then the code. */
export function encodeLoad({ code, hash, env, maxResultBytes }: PoolBundle): Buffer {
  const order: LoadOrder = { hash, env, maxResultBytes };
  const text = Buffer.from(JSON.stringify(order));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return encodeFrame(FrameType.LOAD, Buffer.concat([length, text, code]));
}
