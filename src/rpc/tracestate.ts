/** The tracestate of W3C Trace Context (3.3): what tracing systems tell each other beside the traceparent. Pure. */

/** Longer ones lose their last entries, as the standard has it; in characters. */
export const MAX_TRACESTATE_CHARACTERS = 512;
const MAX_ENTRIES = 32;
/** Key, perhaps with its tenant, and value: printable, without commas, equal signs and a space at the end. */
const ENTRY =
  /^[a-z0-9][a-z0-9_\-*/]{0,255}(?:@[a-z][a-z0-9_\-*/]{0,13})?=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** What is passed on of it; undefined where there is nothing, or where any of it is broken. */
export function readTracestate(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  let passed = '';
  let entries = 0;
  let full = false;
  for (const part of header.split(',')) {
    const entry = part.replace(/^[ \t]+|[ \t]+$/g, '');
    if (entry === '') continue;
    entries += 1;
    if (entries > MAX_ENTRIES || !ENTRY.test(entry)) return undefined;
    full ||= passed.length + 1 + entry.length > MAX_TRACESTATE_CHARACTERS;
    if (!full) passed += passed === '' ? entry : `,${entry}`;
  }
  return passed === '' ? undefined : passed;
}
