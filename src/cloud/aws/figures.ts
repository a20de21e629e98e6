/** Which figures of the function are read, and how long they are good: each read is paid for. */
import type { CloudFigures } from '../backend.ts';

/** One metric each, and each is paid for. */
export const FIGURES_READ = [
  'invocations',
  'errors',
  'throttles',
  'maxConcurrent',
  'durationP50Ms',
  'durationP99Ms',
] as const satisfies readonly (keyof CloudFigures)[];

/** How long an answer is good, in milliseconds: CloudWatch itself has a new one once a minute. */
const FRESH_MS = 60_000;

/** Keeps an answer while it is fresh, also a failure, which is paid for as well; askers at the same time share one read. */
export function cachedFigures(
  read: (now: number) => Promise<CloudFigures | undefined>,
): (now: number) => Promise<CloudFigures | undefined> {
  let kept: { readonly at: number; readonly answer: Promise<CloudFigures | undefined> } | undefined;
  return (now) => {
    if (kept === undefined || now - kept.at >= FRESH_MS || now < kept.at) {
      kept = { at: now, answer: read(now) };
    }
    return kept.answer;
  };
}
