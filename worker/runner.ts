/** Runs the calls of one slot: one at a time, or as many at once as their function allows. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { decodeCall, type ReadCall } from '../src/pool/call-frame.ts';
import { CPU_UNKNOWN, FrameType, encodeMark, type AnswerFrame } from '../src/pool/frames.ts';
import type { InvokeContext, InvokeOutcome, LoadedBundle } from './bundle.ts';
import type { Printer } from './tags.ts';

/** The part of a manifest entry that running a call needs. */
interface RunSpec {
  readonly name: string;
  readonly concurrency: number;
}

/** The longest delay a Node timer can hold, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the function sees of its call. */
class CallContext implements InvokeContext {
  readonly backend = 'pool';
  readonly deadline: number;
  readonly callId: string;
  /** Made on first use: most functions never look, and a timer a call would cost more than a short call. */
  declare readonly signal: AbortSignal;
  declare readonly traceparent?: string;
  declare readonly tracestate?: string;
  /** The same deadline on a clock that nobody sets: performance.now(), in milliseconds. */
  readonly #endsAt: number;
  #abort: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(frame: ReadCall) {
    this.deadline = Date.now() + frame.remainingMs;
    this.#endsAt = performance.now() + frame.remainingMs;
    this.callId = String(frame.callId);
    Object.defineProperty(this, 'signal', SIGNAL);
    if (frame.traceparent !== undefined) this.traceparent = frame.traceparent;
    if (frame.tracestate !== undefined) this.tracestate = frame.tracestate;
  }

  // Static, so that the function finds nothing on its context but what the contract names.

  static signalOf(context: CallContext): AbortSignal {
    if (context.#abort === undefined) {
      context.#abort = new AbortController();
      const remainingMs = CallContext.remainingMs(context);
      if (!context.#ended && remainingMs <= 0) context.#abort.abort(timeoutReason());
      else if (!context.#ended) {
        const abort = (): void => context.#abort?.abort(timeoutReason());
        context.#timer = setTimeout(abort, Math.min(remainingMs, MAX_TIMER_MS));
        context.#timer.unref();
      }
    }
    return context.#abort.signal;
  }

  static remainingMs(context: CallContext): number {
    return context.#endsAt - performance.now();
  }

  static abort(context: CallContext): void {
    if (context.signal.aborted) return; // the getter makes the signal: a function that looks later finds it aborted
    context.#abort?.abort(timeoutReason());
  }

  static end(context: CallContext): void {
    context.#ended = true;
    clearTimeout(context.#timer);
  }
}

/** The context's own, so that a copy of it has the signal too, as in the cloud. It costs a call 0.1 to 0.25 µs. */
const SIGNAL: PropertyDescriptor & ThisType<CallContext> = {
  enumerable: true,
  get() {
    return CallContext.signalOf(this);
  },
};

/** A call in this slot. */
interface RunningCall {
  readonly frame: ReadCall;
  /** Which connection it came over: an answer must not go out over a later one. */
  readonly epoch: number;
  readonly context: CallContext;
  /** Where it stands among those that run. */
  at: number;
}

/** The call that code belongs to, where several run at once. Those that run alone needn't pay for it. */
const amongOthers = new AsyncLocalStorage<RunningCall>();

function timeoutReason(): DOMException {
  return new DOMException('The call was cancelled or its deadline passed', 'TimeoutError');
}

/** The slot's side of the data connection. */
export interface AnswerSink {
  /** Queues a frame for the balancer. */
  send(frame: Buffer): void;
  /** Queues a RESULT or FAILURE. */
  answer(answer: AnswerFrame): void;
  /** Sends out what was queued. */
  flush(): void;
}

/**
 * Answers of short calls are sent once they have taken this together, in milliseconds, while others wait in here: the
 * balancer has brought more by the time that those are done. It hands ahead up to 2 ms (src/pool/ahead-limits.ts).
 */
const MAX_UNSENT_MS = 0.4;

/** Runs calls in the order they came. */
export class Runner {
  readonly #bundle: LoadedBundle;
  readonly #specs: readonly RunSpec[];
  readonly #maxResultBytes: number;
  readonly #sink: AnswerSink;
  /** In any order. Not a Set: one that is emptied for every call makes a new table for every call, 4% of its CPU. */
  readonly #running: RunningCall[] = [];
  #waiting: RunningCall[] = [];
  #epoch = 0;
  #pumping = false;
  /** What the calls took whose answers were queued since the last flush, in milliseconds. */
  #unsentMs = 0;

  constructor(bundle: LoadedBundle, manifestJson: string, maxResultBytes: number, sink: AnswerSink) {
    this.#bundle = bundle;
    this.#specs = (JSON.parse(manifestJson) as { functions: RunSpec[] }).functions;
    this.#maxResultBytes = maxResultBytes;
    this.#sink = sink;
  }

  /** How many calls run, and the longest time one of them may still take, in milliseconds. */
  busy(): { running: number; remainingMs: number } {
    let remainingMs = 0;
    for (const call of this.#running)
      remainingMs = Math.max(remainingMs, CallContext.remainingMs(call.context));
    return { running: this.#running.length, remainingMs };
  }

  /** The connection is new: answers to calls of an earlier one have nowhere to go, and unstarted ones are dropped. */
  newEpoch(): void {
    this.#epoch += 1;
    this.#waiting = [];
  }

  /** The call that runs just now, as far as that can be told: where it is one of several, the one this code belongs to. */
  current(): Printer | undefined {
    let call = amongOthers.getStore();
    if (call === undefined && this.#running.length === 1) [call] = this.#running;
    if (call === undefined) return undefined;
    const { callId, functionIndex } = call.frame;
    return { callId, name: this.#specs[functionIndex]?.name ?? '' };
  }

  /** Takes a CALL frame's payload. @throws FrameError if it is malformed. */
  take(callId: number, payload: Buffer): void {
    const frame = decodeCall(callId, payload);
    this.#waiting.push({ frame, epoch: this.#epoch, context: new CallContext(frame), at: -1 });
  }

  /** Aborts a running call's signal; gives back one that waits. */
  cancel(callId: number): void {
    for (const call of this.#running) {
      if (call.frame.callId === callId && call.epoch === this.#epoch) CallContext.abort(call.context);
    }
    this.takeBack(callId);
  }

  /** Gives back a call that waits; one that runs is left alone. */
  takeBack(callId: number): void {
    const at = this.#waiting.findIndex((call) => call.frame.callId === callId);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#sink.send(encodeMark(FrameType.DROPPED, callId));
  }

  /** Starts every call that may start now. */
  pump(): void {
    if (this.#pumping) return; // a call that ends at once comes back here
    this.#pumping = true;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      const spec = this.#specs[next.frame.functionIndex];
      if (spec !== undefined && this.#running.length >= spec.concurrency) break;
      if (this.#unsentMs >= MAX_UNSENT_MS) this.#flush();
      this.#waiting.shift();
      this.#start(next, spec?.name ?? '');
    }
    this.#pumping = false;
    this.#unsentMs = 0; // whoever pumps flushes
  }

  #flush(): void {
    this.#unsentMs = 0;
    this.#sink.flush();
  }

  #start(call: RunningCall, name: string): void {
    const { params, short } = call.frame;
    // A short call may hold up the answers before it; another must not.
    if (!short) this.#flush();
    call.at = this.#running.push(call) - 1;
    const cpu = short ? undefined : process.cpuUsage();
    const startedAt = performance.now();
    const invoke = (): InvokeOutcome | Promise<InvokeOutcome> =>
      this.#bundle.invoke(name, params, call.context);
    const alone = (this.#specs[call.frame.functionIndex]?.concurrency ?? 1) === 1;
    const outcome = alone ? invoke() : amongOthers.run(call, invoke);
    // Not instanceof: a function may have put another Promise in the place of Node's.
    if ('then' in outcome) {
      void outcome.then((settled) => {
        this.#finish(call, settled, startedAt, cpu);
        this.#flush();
        this.pump();
        this.#flush();
      });
    } else {
      this.#finish(call, outcome, startedAt, cpu);
    }
  }

  #finish(
    call: RunningCall,
    outcome: InvokeOutcome,
    startedAt: number,
    cpu: NodeJS.CpuUsage | undefined,
  ): void {
    const runMs = performance.now() - startedAt;
    const runUs = Math.round(runMs * 1000);
    this.#unsentMs += runMs;
    // What others ran meanwhile would be counted too, so it is only measured for a call that ran alone.
    const used = cpu !== undefined && this.#running.length === 1 ? process.cpuUsage(cpu) : undefined;
    const cpuUs = used === undefined ? CPU_UNKNOWN : used.user + used.system;
    this.#leave(call);
    CallContext.end(call.context);
    if (call.epoch !== this.#epoch) {
      if (this.#running.length === 0) this.#sink.send(encodeMark(FrameType.IDLE, 0));
      return;
    }
    const { callId } = call.frame;
    const ok = outcome.ok;
    const json = ok ? outcome.json : JSON.stringify(outcome);
    // A character is three bytes at the most, and most results are far below the limit.
    if (json.length * 3 > this.#maxResultBytes && Buffer.byteLength(json) > this.#maxResultBytes) {
      const failure = JSON.stringify({ kind: 'TooLarge', message: 'the result is over the limit' });
      this.#sink.answer({ type: FrameType.FAILURE, callId, runUs, cpuUs, json: failure });
      return;
    }
    this.#sink.answer({ type: ok ? FrameType.RESULT : FrameType.FAILURE, callId, runUs, cpuUs, json });
  }

  /** The last one takes its place. */
  #leave(call: RunningCall): void {
    const last = this.#running.pop();
    if (last === undefined || last === call) return;
    this.#running[call.at] = last;
    last.at = call.at;
  }
}
