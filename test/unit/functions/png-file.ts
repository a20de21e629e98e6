/** PNG files as nobody would draw them. */
import { crc32, deflateSync } from 'node:zlib';

/** What to put into the file. */
export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly interlaced?: boolean;
  /** How often the file says its size. */
  readonly headers?: number;
  /** Deflated; by default too few for a picture. */
  readonly pixels?: Buffer;
}

/** A PNG with 8-bit RGBA pixels. */
export function pngOf({ width, height, interlaced = false, headers = 1, pixels }: PngParts): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, interlaced ? 1 : 0], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    ...Array.from({ length: headers }, () => chunk('IHDR', header)),
    chunk('IDAT', pixels ?? deflateSync(Buffer.alloc(4))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
