// The parts of Jimp that are needed, and not the package jimp: with every format and plugin it is five times as large.
import { createJimp } from '@jimp/core';
import jpeg from '@jimp/js-jpeg';
import png from '@jimp/js-png';
import { methods as resize } from '@jimp/plugin-resize';
import * as z from 'zod';
import { checkPng, isPng } from './_png.ts';

/**
 * The picture of a 4K screen. Unpacking a PNG of this size and scaling it takes up to 300 MB, which a worker of 512 MB
 * survives; more could take the worker down, and with it whatever else it runs.
 */
const MAX_PIXELS = 3840 * 2160;
/** In MiB, as the JPEG decoder counts, which is half of what it takes: the rest of the bound for a JPEG. */
const MAX_JPEG_MEMORY = 120;
/** In pixels. */
const MAX_WIDTH = 1024;
/** A narrow image may become four times as high as it is wide, at the greatest width. */
const MAX_RESULT_PIXELS = 4 * MAX_WIDTH * MAX_WIDTH;

export const spec = {
  summary:
    'Scales a PNG or JPEG, in base64, to a width in pixels, keeping its shape. The result is a PNG in base64.',
  params: z.object({
    image: z.string().min(1).meta({ contentEncoding: 'base64', description: 'A PNG or JPEG in base64' }),
    width: z.int().min(1).max(MAX_WIDTH),
  }),
  // A pure computation on its params.
  idempotent: true,
};

const Image = createJimp({ formats: [png, jpeg], plugins: [resize] });
const pngFormat = png();

/**
 * Scales an image to `width` pixels.
 * @throws Error if it is neither PNG nor JPEG, is damaged, or would take too much memory to unpack.
 */
export default async function thumbnail({ image, width }: { image: string; width: number }): Promise<string> {
  const picture = await decode(Buffer.from(image, 'base64'));
  const height = Math.max(1, Math.round((picture.height * width) / picture.width));
  if (width * height > MAX_RESULT_PIXELS) {
    throw new Error(`The thumbnail would be ${width} × ${height} pixels; ask for a smaller width`);
  }
  picture.resize({ w: width, h: height });
  const bytes = await picture.getBuffer('image/png');
  return bytes.toString('base64');
}

async function decode(bytes: Buffer) {
  if (isPng(bytes)) {
    checkPng(bytes, MAX_PIXELS);
    return new Image(pngFormat.decode(bytes));
  }
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8)
    throw new Error('The image is neither a PNG nor a JPEG in base64');
  const limits = { maxResolutionInMP: MAX_PIXELS / 1e6, maxMemoryUsageInMB: MAX_JPEG_MEMORY };
  try {
    // Not the format's own decode: this one turns a photo the way its camera was held.
    return await Image.fromBuffer(bytes, { 'image/jpeg': limits });
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const tooLarge = /^max(?:Resolution|MemoryUsage)/.test(reason);
    throw new Error(
      tooLarge
        ? `The JPEG is too large: more than ${MAX_PIXELS} pixels, or of too many details`
        : 'The JPEG is damaged',
      { cause: thrown },
    );
  }
}
