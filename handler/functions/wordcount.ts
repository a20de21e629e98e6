import * as z from 'zod';

export const spec = {
  summary: 'Counts words, lines and characters of a text.',
  params: z.tuple([z.string().meta({ title: 'text' })]),
  // A pure computation on its argument.
  idempotent: true,
};

/** What was counted. */
interface Counts {
  /** Runs of anything but white space. */
  words: number;
  /** A line break at the very end ends the last line, it doesn't begin another. */
  lines: number;
  /** Unicode code points, line breaks included. */
  characters: number;
}

/** Counts words, lines and characters. An empty text has none of them. */
export default function wordcount(text: string): Counts {
  const words = text.match(/\S+/gu)?.length ?? 0;
  const breaks = text.match(/\r\n|\r|\n/g)?.length ?? 0;
  const lines = text === '' || /[\r\n]$/.test(text) ? breaks : breaks + 1;
  // A character outside the first 65,536 takes two code units.
  const pairs = text.match(/[\u{10000}-\u{10FFFF}]/gu)?.length ?? 0;
  return { words, lines, characters: text.length - pairs };
}
