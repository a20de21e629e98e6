import { marked } from 'marked';
import * as z from 'zod';

/** In characters. A whole book has about a million; far more would be an attempt to keep a slot busy. */
const MAX_TEXT = 1_000_000;

export const spec = {
  summary:
    'Markdown to HTML. HTML in the text is passed through as it is: clean the result before showing it.',
  params: z.tuple([z.string().max(MAX_TEXT).meta({ title: 'text' })]),
  // A pure computation on its argument.
  idempotent: true,
};

/** GitHub's Markdown to HTML. */
export default function markdown(text: string): string {
  return marked.parse(text, { async: false });
}
