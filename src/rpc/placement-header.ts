/** What an answer says of why its call went where it went. */
import type { Weighed } from '../dispatch/call.ts';

/** The value of `spillway-placement`: the reason, and what was expected in both places, in milliseconds. */
export function placementHeader({ reason, localMs, cloudMs }: Weighed): string {
  return `${reason}; local=${rounded(localMs)}; cloud=${rounded(cloudMs)}`;
}

/** With no slot at all the wait is Infinity: `inf`, as structured headers have no number for it. */
function rounded(ms: number): string {
  return ms === Infinity ? 'inf' : ms.toFixed(1);
}
