/** Makes a picture of a page small: a page has few colours, so a palette of 256 is enough, at a third of the bytes. */
import { crc32, deflateSync } from 'node:zlib';
import { createJimp } from '@jimp/core';
import png from '@jimp/js-png';

const MOST_COLOURS = 256;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const Image = createJimp({ formats: [png], plugins: [] });

/** The same picture in 256 of its colours; every other becomes the nearest of them. Opaque pictures only. */
export async function toPalettePng(picture: Buffer): Promise<Buffer> {
  const { width, height, data } = (await Image.fromBuffer(picture)).bitmap;
  const pixels = new Uint32Array(width * height);
  const counts = new Map<number, number>();
  for (let at = 0; at < pixels.length; at++) {
    const colour = data.readUIntBE(at * 4, 3);
    pixels[at] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = choosePalette(counts);
  const indices = new Map([...counts.keys()].map((colour) => [colour, nearest(palette, colour)]));
  // Each row begins with its filter: none, which is best where neighbours in a palette mean nothing.
  const rows = Buffer.alloc(height * (width + 1));
  for (const [at, colour] of pixels.entries()) {
    rows[Math.floor(at / width) * (width + 1) + 1 + (at % width)] = indices.get(colour) ?? 0;
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a pixel, of a palette.
  header.set([8, 3], 8);
  const colours = Buffer.alloc(palette.length * 3);
  for (const [index, colour] of palette.entries()) colours.writeUIntBE(colour, index * 3, 3);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', colours),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Half of the palette are the commonest colours; the rest those that would be missed most, such as a small green mark. */
function choosePalette(counts: ReadonlyMap<number, number>): number[] {
  const common = [...counts].sort(([, a], [, b]) => b - a);
  const palette = common.splice(0, MOST_COLOURS / 2).map(([colour]) => colour);
  const missed = common.map(([colour, count]) => {
    return { colour, count, far: Math.min(...palette.map((chosen) => distance(chosen, colour))) };
  });
  while (palette.length < MOST_COLOURS && missed.length > 0) {
    const worst = missed.reduce((a, b) => (b.count * b.far > a.count * a.far ? b : a));
    palette.push(worst.colour);
    for (const one of missed) one.far = Math.min(one.far, distance(worst.colour, one.colour));
    missed.splice(missed.indexOf(worst), 1);
  }
  return palette;
}

function nearest(palette: readonly number[], colour: number): number {
  let best = 0;
  for (const [index, candidate] of palette.entries()) {
    if (distance(candidate, colour) < distance(palette[best]!, colour)) best = index;
  }
  return best;
}

function distance(a: number, b: number): number {
  const [red, green, blue] = [16, 8, 0].map((shift) => ((a >> shift) & 255) - ((b >> shift) & 255));
  return red! ** 2 + green! ** 2 + blue! ** 2;
}

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(body.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}
