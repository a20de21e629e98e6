/** A cloud whose calls end by events, and that tells of each as it comes. */
import { FakeCloud, type FakeAnswer } from '../../fakes/cloud.ts';
import type { CloudCall, CloudOutcome, PendingCloudCall } from '../../../src/cloud/backend.ts';

/** The wait at which a scenario's balancer offloads, in milliseconds. */
export const OFFLOAD_WAIT_MS = 20;

/** How the cloud may end a call; at its deadline it does so by itself. */
export const CLOUD_ENDS = {
  'cloud answers': { ok: true, json: '"cloud"' },
  'cloud fails': { ok: false, error: { name: 'FunctionError', code: -32000, message: 'boom' } },
  'cloud throttles': { ok: false, failure: { reason: 'throttled', mayHaveRun: false } },
  'cloud breaks': { ok: false, failure: { reason: 'unreachable', mayHaveRun: true } },
} as const satisfies Record<string, FakeAnswer>;

export type CloudEnd = keyof typeof CLOUD_ENDS;

export class WatchedCloud extends FakeCloud {
  override hold = true;
  readonly #onCall: (call: CloudCall) => void;

  constructor(onCall: (call: CloudCall) => void) {
    super();
    this.#onCall = onCall;
  }

  override call(call: CloudCall, answer: (outcome: CloudOutcome) => void): PendingCloudCall {
    this.#onCall(call);
    return super.call(call, answer);
  }
}
