import { inflateSync } from 'node:zlib';

/** What a PNG says of itself before anything is unpacked. */
export interface PngHeader {
  readonly width: number;
  readonly height: number;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Channels by colour type: grey, -, RGB, palette, grey + alpha, -, RGBA. */
const CHANNELS = [1, 0, 3, 1, 2, 0, 4];

/** True if the bytes begin as a PNG does. */
export function isPng(bytes: Buffer): boolean {
  return bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE);
}

/**
 * Reads a PNG's size, and makes sure that unpacking it takes no more than that size explains: a few kilobytes can unpack
 * to gigabytes.
 * @throws Error if it is not a PNG that says its size once, or if it unpacks to more pixels than it says or than allowed.
 */
export function checkPng(bytes: Buffer, maxPixels: number): PngHeader {
  const headers: Buffer[] = [];
  const packed: Buffer[] = [];
  for (const { type, data } of chunks(bytes)) {
    if (type === 'IHDR') headers.push(data);
    if (type === 'IDAT') packed.push(data);
  }
  const [header, second] = headers;
  // The decoder believes the last header, so a second one could undo the check of the first.
  if (header === undefined || header.length !== 13 || second !== undefined)
    throw new Error('The PNG is damaged');
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  if (width * height > maxPixels) throw new Error(`The image has more than ${maxPixels} pixels`);
  // The decoder bounds what it unpacks by the size, except for interlaced images.
  if (header[12] !== 0) {
    const bitsPerPixel = (header[8] ?? 0) * (CHANNELS[header[9] ?? 0] ?? 0);
    inflateAtMost(
      packed,
      Math.ceil((width * height * bitsPerPixel) / 8) + INTERLACE_PASSES * (height + width),
    );
  }
  return { width, height };
}

/** Each pass adds a byte a line, and rounds a line up to a whole byte. */
const INTERLACE_PASSES = 7 * 2;

function inflateAtMost(packed: readonly Buffer[], maxBytes: number): void {
  try {
    inflateSync(Buffer.concat(packed), { maxOutputLength: Math.max(maxBytes, 1) });
  } catch (thrown) {
    throw new Error('The PNG is damaged, or unpacks to more than its size', { cause: thrown });
  }
}

function* chunks(bytes: Buffer): Generator<{ type: string; data: Buffer }> {
  let offset = SIGNATURE.length;
  // A chunk: length, type, data, checksum. The decoder complains of what is cut off or after the end.
  while (offset + 12 <= bytes.length) {
    const length = bytes.readUInt32BE(offset);
    const type = bytes.toString('latin1', offset + 4, offset + 8);
    yield { type, data: bytes.subarray(offset + 8, offset + 8 + length) };
    offset += 12 + length;
  }
}
