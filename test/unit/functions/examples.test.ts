import { deflateSync, gzipSync } from 'node:zlib';
import { createJimp } from '@jimp/core';
import jpeg from '@jimp/js-jpeg';
import png from '@jimp/js-png';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { checkPng, isPng } from '../../../handler/functions/_png.ts';
import * as fibonacciModule from '../../../handler/functions/fibonacci.ts';
import * as markdownModule from '../../../handler/functions/markdown.ts';
import * as sleepModule from '../../../handler/functions/sleep.ts';
import * as thumbnailModule from '../../../handler/functions/thumbnail.ts';
import * as wordcountModule from '../../../handler/functions/wordcount.ts';
import { createBundle } from '../../../handler/invoke.ts';
import type { InvokeContext } from '../../../handler/invoke.ts';
import { parseManifest } from '../../../src/functions/manifest.ts';
import { pngOf } from './png-file.ts';

const bundle = createBundle([
  ['fibonacci', () => fibonacciModule],
  ['markdown', () => markdownModule],
  ['sleep', () => sleepModule],
  ['thumbnail', () => thumbnailModule],
  ['wordcount', () => wordcountModule],
]);
const Image = createJimp({ formats: [png, jpeg] });

async function call(name: string, params: unknown, signal = new AbortController().signal): Promise<unknown> {
  const context: InvokeContext = { signal, deadline: 0, callId: 'c', backend: 'pool' };
  const outcome = await bundle.invoke(name, JSON.stringify(params), context);
  return outcome.ok ? JSON.parse(outcome.json) : outcome;
}

describe('the manifest of the examples', () => {
  it('says which of them may run twice', () => {
    const specs = [...parseManifest(bundle.manifestJson()).values()];
    expect(specs.map(({ name, idempotent }) => [name, idempotent])).toEqual([
      ['fibonacci', true],
      ['markdown', true],
      ['sleep', false],
      ['thumbnail', true],
      ['wordcount', true],
    ]);
    for (const { summary, schema, concurrency } of specs) {
      expect([typeof summary, typeof schema, concurrency]).toEqual(['string', 'object', 1]);
    }
  });
});

describe('fibonacci', () => {
  it.each([
    [0, 0],
    [1, 1],
    [2, 1],
    [10, 55],
    [20, 6765],
  ])('of %d is %d', async (n, result) => {
    expect(await call('fibonacci', [n])).toBe(result);
  });

  it.each([-1, 79, 1.5, '5', null])('refuses %j', async (n) => {
    expect(await call('fibonacci', [n])).toMatchObject({ kind: 'InvalidParams' });
  });
});

describe('markdown', () => {
  it('makes HTML', async () => {
    expect(await call('markdown', ['# Title\n\n- a *b*'])).toBe(
      '<h1>Title</h1>\n<ul>\n<li>a <em>b</em></li>\n</ul>\n',
    );
  });
});

describe('wordcount', () => {
  it.each([
    ['', { words: 0, lines: 0, characters: 0 }],
    ['one', { words: 1, lines: 1, characters: 3 }],
    ['two words\n', { words: 2, lines: 1, characters: 10 }],
    ['a\r\nb\rc\n\n', { words: 3, lines: 4, characters: 8 }],
    ['  \t ', { words: 0, lines: 1, characters: 4 }],
    ['ein Wörtchen 🎉', { words: 3, lines: 1, characters: 14 }],
  ])('of %j', async (text, counts) => {
    expect(await call('wordcount', [text])).toEqual(counts);
  });

  it('counts as the plain definition does', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ' ', '\n', '\r\n', '\t', '🎉', '\ud800') }),
        (text) => {
          const words = text.split(/\s+/).filter((word) => word !== '').length;
          expect(wordcountModule.default(text)).toMatchObject({ words, characters: Array.from(text).length });
        },
      ),
    );
  });
});

describe('sleep', () => {
  it('waits, and gives the time back', async () => {
    const before = performance.now();
    expect(await call('sleep', [30])).toBe(30);
    // A Node timer may fire up to a millisecond early.
    expect(performance.now() - before).toBeGreaterThan(28);
  });

  it('stops at once when its signal aborts', async () => {
    const abort = new AbortController();
    const sleeping = call('sleep', [600_000], abort.signal);
    abort.abort();
    expect(await sleeping).toMatchObject({ kind: 'FunctionError', name: 'AbortError' });
  });

  it.each([-1, 600_001, '5'])('refuses %j', async (ms) => {
    expect(await call('sleep', [ms])).toMatchObject({ kind: 'InvalidParams' });
  });
});

describe('thumbnail', () => {
  const colors = { left: 0xff0000ff, right: 0x0000ff80 };

  async function picture(width: number, height: number, mime: 'image/png' | 'image/jpeg'): Promise<Buffer> {
    const image = new Image({ width, height, color: colors.left });
    for (let y = 0; y < height; y++)
      for (let x = width / 2; x < width; x++) image.setPixelColor(colors.right, x, y);
    return image.getBuffer(mime);
  }

  async function thumbnail(image: Buffer | string, width: number) {
    const result = await call('thumbnail', {
      image: typeof image === 'string' ? image : image.toString('base64'),
      width,
    });
    return typeof result === 'string' ? Image.fromBuffer(Buffer.from(result, 'base64')) : result;
  }

  it('of a PNG is a PNG of that width with the same content', async () => {
    const small = (await thumbnail(await picture(80, 40, 'image/png'), 20)) as InstanceType<typeof Image>;
    expect([small.width, small.height, small.mime]).toEqual([20, 10, 'image/png']);
    expect([small.getPixelColor(2, 5), small.getPixelColor(17, 5)]).toEqual([colors.left, colors.right]);
  });

  it('of a JPEG is a PNG', async () => {
    const small = (await thumbnail(await picture(80, 40, 'image/jpeg'), 20)) as InstanceType<typeof Image>;
    expect([small.width, small.height, small.mime]).toEqual([20, 10, 'image/png']);
    expect(small.getPixelColor(2, 5) >>> 24).toBeGreaterThan(240);
  });

  it('of an interlaced PNG', async () => {
    const pixels = deflateSync(Buffer.from('00ff0000ff', 'hex'));
    const small = await thumbnail(pngOf({ width: 1, height: 1, interlaced: true, pixels }), 4);
    expect((small as InstanceType<typeof Image>).getPixelColor(3, 3)).toBe(colors.left);
  });

  it('may be larger than the image', async () => {
    expect(await thumbnail(await picture(2, 2, 'image/png'), 16)).toMatchObject({ width: 16, height: 16 });
  });

  it.each([
    ['no image', 'hello', 'The image is neither a PNG nor a JPEG in base64'],
    ['a cut off PNG', pngOf({ width: 2, height: 2 }).subarray(0, 20), 'The PNG is damaged'],
    ['a cut off JPEG', Buffer.from('ffd8ffe000', 'hex'), 'The JPEG is damaged'],
    [
      'a PNG of too many pixels',
      pngOf({ width: 3841, height: 2160 }),
      'The image has more than 8294400 pixels',
    ],
  ])('of %s is refused', async (_what, image, message) => {
    expect(await thumbnail(image, 5)).toMatchObject({ kind: 'FunctionError', message });
  });

  it('of a JPEG of too many pixels is refused before it is unpacked', async () => {
    const small = await picture(16, 16, 'image/jpeg');
    const size = small.indexOf(Buffer.from('ffc0', 'hex')) + 5;
    small.writeUInt16BE(3841, size);
    small.writeUInt16BE(2160, size + 2);
    expect(await thumbnail(small, 5)).toMatchObject({
      message: expect.stringContaining('The JPEG is too large') as string,
    });
  });

  it('is refused if it would be huge itself', async () => {
    expect(await thumbnail(await picture(2, 4000, 'image/png'), 1024)).toMatchObject({
      message: 'The thumbnail would be 1024 × 2048000 pixels; ask for a smaller width',
    });
  });

  it.each([
    { width: 5 },
    { image: 'a', width: 0 },
    { image: 'a', width: 1025 },
    { image: '', width: 5 },
    ['a', 5],
  ])('refuses %j', async (params) => {
    expect(await call('thumbnail', params)).toMatchObject({ kind: 'InvalidParams' });
  });
});

describe('a PNG', () => {
  const limit = 1_000_000;

  it('tells its size', () => {
    for (const interlaced of [false, true]) {
      const file = pngOf({ width: 7, height: 5, interlaced });
      expect([isPng(file), checkPng(file, limit)]).toEqual([true, { width: 7, height: 5 }]);
    }
    expect(isPng(gzipSync('x'))).toBe(false);
  });

  it('that says its size twice is refused: the decoder would believe the second', () => {
    const file = pngOf({ width: 7, height: 5, headers: 2 });
    expect(() => checkPng(file, limit)).toThrow('damaged');
  });

  it('that unpacks to more than its size is refused where the decoder would unpack it all', () => {
    const pixels = deflateSync(Buffer.alloc(10_000_000));
    expect(() => checkPng(pngOf({ width: 7, height: 5, interlaced: true, pixels }), limit)).toThrow(
      'more than its size',
    );
  });

  it('of any bytes either has a size within the limit or is refused', () => {
    const bytes = fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.nat(40)).map(([noise, keep]) => {
      return Buffer.concat([pngOf({ width: 3, height: 3 }).subarray(0, 8 + keep), noise]);
    });
    const sizes = vi.fn();
    fc.assert(
      fc.property(bytes, (file) => {
        try {
          const { width, height } = checkPng(file, limit);
          sizes();
          expect(width * height).toBeLessThanOrEqual(limit);
        } catch (thrown) {
          expect((thrown as Error).message).toMatch(/^The (?:PNG is damaged|image has more)/);
        }
      }),
    );
    expect(sizes).toHaveBeenCalled();
  });
});
