/** What an answer says of why its call went where it went. */
import type { Weighed } from '../dispatch/call.ts';

/** The value of `spillway-placement`: the reason, and what was expected in both places, in milliseconds. */
export function placementHeader({ reason, localMs, cloudMs }: Weighed): string {
  return `${reason}; local=${localMs.toFixed(1)}; cloud=${cloudMs.toFixed(1)}`;
}
