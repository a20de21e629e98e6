/**
 * Memory of large buffers that is given back as soon as nobody needs it. Left to the garbage collector, a buffer or two for each
 * call of a megabyte make it look through the whole heap every few calls.
 *
 * Every holder must let go exactly once, and only after the system has taken what it was given to write: memory that is
 * given back while a write is under way would be read by it all the same. Whoever never lets go leaves it to the
 * collector, which is always right.
 */

/** Smaller ones aren't worth the trouble, in bytes. */
const LEAST_BYTES = 32 * 1024;

const holders = new WeakMap<ArrayBufferLike, number>();

/**
 * Says that nobody looks at these bytes but those who hold them, of whom the caller is the first. Of bytes that share
 * their memory with others nothing is said.
 */
export function own(bytes: Buffer): void {
  const { buffer, byteLength } = bytes;
  if (byteLength >= LEAST_BYTES && buffer.byteLength === byteLength) holders.set(buffer, 1);
}

/** One more needs the memory in which these bytes lie. */
export function hold({ buffer }: Buffer): void {
  const held = holders.get(buffer);
  if (held !== undefined) holders.set(buffer, held + 1);
}

/** One fewer needs it. After the last one the bytes are gone: the buffer's length is 0. */
export function letGo({ buffer }: Buffer): void {
  const held = holders.get(buffer);
  if (held === undefined) return;
  if (held > 1) holders.set(buffer, held - 1);
  else {
    holders.delete(buffer);
    free(buffer);
  }
}

/** Gives memory back now. Nothing may look at it any more, nor a write be under way. */
export function free(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
