/** A dispatch that places nothing: a test answers its calls by hand, or gives a function that does. */
import { vi, type Mock } from 'vitest';
import type { CallReport, CallRequest, Dispatch, Outcome } from '../../src/dispatch/call.ts';

/** One call that the fake was handed. */
export interface FakeCall {
  readonly request: CallRequest;
  readonly method: string;
  /** Answers with a result given as JSON text, which comes as small results do, or as bytes. */
  ok(json: string | Buffer, report?: Partial<CallReport>): void;
  answer(outcome: Outcome): void;
  readonly cancel: Mock<() => void>;
}

/** A report for outcomes that need one. */
export const POOL_REPORT: CallReport = {
  callId: 4711,
  backend: 'pool',
  worker: 'w1',
  queueMs: 0.5,
  runMs: 1.25,
};

/** Records calls; `answerer`, if given, is called with each at once. */
export class FakeDispatch {
  readonly calls: FakeCall[] = [];
  answerer: ((call: FakeCall) => void) | undefined;

  constructor(answerer?: (call: FakeCall) => void) {
    this.answerer = answerer;
  }

  readonly dispatch: Dispatch = (request, answer) => {
    const call: FakeCall = {
      request,
      method: request.spec.name,
      ok: (json, report) => {
        const bytes = typeof json === 'string' ? Buffer.from(json).toString('latin1') : json;
        answer({ ok: true, json: bytes, report: { ...POOL_REPORT, ...report } });
      },
      answer,
      cancel: vi.fn<() => void>(),
    };
    this.calls.push(call);
    this.answerer?.(call);
    return { cancel: () => call.cancel() };
  };
}
