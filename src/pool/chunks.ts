/** Bytes that came in pieces. */

/**
 * Joins chunks that were read, which nothing else may look at any more: their memory is given back at once. Left to the
 * garbage collector, it makes it look through the whole heap every few megabytes: 2 ms of the front's thread a call of a
 * megabyte, and a quarter of its slot's CPU.
 */
export function joinChunks(chunks: readonly Buffer[], length: number): Buffer {
  const joined = Buffer.concat(chunks, length);
  for (const { buffer, byteLength } of chunks) {
    // One that is a part of something else isn't the caller's to give back.
    if (buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
  }
  return joined;
}
