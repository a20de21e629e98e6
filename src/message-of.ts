/** What to tell of something that was thrown. */

/** Its message; it need not be an Error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
