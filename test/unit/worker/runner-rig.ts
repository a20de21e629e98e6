/** A runner with a bundle whose calls end when the test says so, on virtual time. */
import { vi } from 'vitest';
import { encodeCall } from '../../../src/pool/call-frame.ts';
import { FrameDecoder, FrameType, HEADER_BYTES, encodeAnswer } from '../../../src/pool/frames.ts';
import type { InvokeContext, InvokeOutcome, LoadedBundle } from '../../../worker/bundle.ts';
import { Runner } from '../../../worker/runner.ts';

const MANIFEST = JSON.stringify({
  functions: [
    { name: 'one', concurrency: 1 },
    { name: 'three', concurrency: 3 },
  ],
});

/** A test may put another in its place. */
const NodesPromise = Promise;

/** The functions’ places in the manifest: one call at a time, and three. */
const ONE = 0;
export const THREE = 1;
/** The runner's limit. */
export const MAX_RESULT_BYTES = 100;

/** A call as the function sees it; the test ends it. */
export interface Invoked {
  readonly name: string;
  readonly params: string | undefined;
  readonly context: InvokeContext;
  end(outcome: InvokeOutcome): Promise<void>;
}

/** See the file's comment. */
export class RunnerRig {
  readonly runner: Runner;
  /** The calls that were started. */
  readonly invoked: Invoked[] = [];
  /** What was queued for the balancer, and when it was sent: `result 1 JSON`, `flush`. */
  readonly said: string[] = [];
  readonly frames: Buffer[] = [];
  /** What a call with these params gives at once. */
  readonly atOnce = new Map<string, InvokeOutcome>();
  /** How long such a call takes, in milliseconds. */
  atOnceMs = 0;

  constructor() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
    const bundle: LoadedBundle = {
      manifestJson: () => MANIFEST,
      invoke: (name, params, context) => this.#invoke(name, params, context),
    };
    this.runner = new Runner(bundle, MANIFEST, MAX_RESULT_BYTES, {
      send: (frame) => {
        this.frames.push(frame);
        this.said.push(textOf(frame));
      },
      answer: ({ type, callId, runUs, cpuUs, json }) => {
        const frame = encodeAnswer(type, callId, runUs, cpuUs, json);
        this.frames.push(frame);
        this.said.push(textOf(frame));
      },
      flush: () => void this.said.push('flush'),
    });
  }

  /** What it said, without the flushes. */
  get answers(): string[] {
    return this.said.filter((word) => word !== 'flush');
  }

  /** A CALL frame arrives. */
  take(callId: number, is: { index?: number; params?: string; short?: boolean; ms?: number } = {}): void {
    const { index = ONE, params, short = false, ms = 5000 } = is;
    const frame = encodeCall({ callId, remainingMs: ms, functionIndex: index, params, short });
    this.runner.take(callId, frame.subarray(HEADER_BYTES));
  }

  #invoke(
    name: string,
    params: string | undefined,
    context: InvokeContext,
  ): InvokeOutcome | Promise<InvokeOutcome> {
    const { promise, resolve } = NodesPromise.withResolvers<InvokeOutcome>();
    this.invoked.push({
      name,
      params,
      context,
      async end(how) {
        resolve(how);
        await promise;
        await Promise.resolve();
      },
    });
    const outcome = this.atOnce.get(params ?? '');
    if (outcome !== undefined) vi.advanceTimersByTime(this.atOnceMs);
    return outcome ?? promise;
  }
}

/** A result as the bundle gives it. */
export function ok(json: string): InvokeOutcome {
  return { ok: true, json };
}

function textOf(frame: Buffer): string {
  let text = '';
  new FrameDecoder(1e9).push(frame, (type, callId, payload) => {
    const name = Object.entries(FrameType)
      .find(([, value]) => value === type)?.[0]
      .toLowerCase();
    text = `${name} ${callId} ${payload.toString('utf8', 8)}`.trim();
  });
  return text;
}
