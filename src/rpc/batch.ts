/**
 * The entries of one batch: placed one by one, at most a window of them with dispatch at once, so that one client's
 * batch can't fill the queue. The rest wait in here, each under its own deadline.
 */
import { isUtf8 } from 'node:buffer';
import { internalError, timeout, tooLarge } from '../errors.ts';
import type { CallRequest, Outcome, PendingCall } from '../dispatch/call.ts';
import type { FunctionSpec } from '../functions/manifest.ts';
import { bytesOfResult, type ResultJson } from '../pool/answer.ts';
import { callRequest, type BodyContext } from './body.ts';
import { errorReply, failed, joinReplies, replyTo, type EntryOutcome, type Reply } from './reply.ts';
import type { ParsedRequest } from './request.ts';
import type { Entry } from './rules.ts';

/** So many calls of a batch are with dispatch in any case: one is answered, and the next is there already. */
const LEAST_PLACED = 2;
/** For so long after it came, or after its last answer, a batch may keep calls to itself, in milliseconds. */
const KEEP_MS = 20;
/** But for so long at the most. */
const MOST_KEPT_MS = 100;

/** What an entry needs of its batch. */
interface BatchEvents {
  enqueue(entry: BatchEntry, spec: FunctionSpec, answer: (outcome: EntryOutcome) => void): void;
  end(index: number, outcome: EntryOutcome | undefined, id: string): void;
}

/** One entry of the batch, from the rules to its outcome. A class: two closures for each would cost as much again. */
class BatchEntry implements Entry {
  readonly request: ParsedRequest;
  readonly index: number;
  readonly #batch: BatchEvents;
  /** Once it is a call: what dispatch gets, and who waits for the outcome. */
  call: CallRequest | undefined;
  answer: (outcome: EntryOutcome) => void = () => undefined;
  /** While dispatch has it. */
  pending: PendingCall | undefined;
  /** Answered or given up. */
  over = false;

  constructor(batch: BatchEvents, request: ParsedRequest, index: number) {
    this.#batch = batch;
    this.request = request;
    this.index = index;
  }

  get notification(): boolean {
    return this.request.id === undefined;
  }

  place(spec: FunctionSpec, answer: (outcome: EntryOutcome) => void): void {
    this.#batch.enqueue(this, spec, answer);
  }

  end(outcome: EntryOutcome | undefined, id: string): void {
    this.#batch.end(this.index, outcome, id);
  }
}

/** An entry in the line. */
type BatchCall = BatchEntry & { call: CallRequest };

/** One batch under way; its body is answered once, when the last entry has ended. */
export class Batch implements PendingCall, BatchEvents {
  readonly #body: BodyContext;
  readonly #replies: (Reply | undefined)[] = [];
  /** All that dispatch was given, those that are over included. */
  readonly #placed: BatchCall[] = [];
  /** Those up to #next have left the line. */
  #line: BatchCall[] = [];
  #next = 0;
  #outstanding = 0;
  #unanswered = 0;
  /** The length of the reply so far: its opening bracket, the answers, and a comma or bracket after each. */
  #bytes = 1;
  #full = false;
  /** Until when it may keep calls to itself, on performance.now(). */
  #keepsUntil: number;
  /** It calls several functions: it keeps nothing to itself, since one that is long must be seen. */
  #several = false;
  #placing = false;
  #cancelled = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(body: BodyContext) {
    this.#body = body;
    this.#keepsUntil = body.arrivedAt + KEEP_MS;
  }

  /** Takes every entry through the rules, then places what may be placed. Called once. */
  start(requests: readonly ParsedRequest[], applyRules: (entry: Entry) => void): void {
    this.#unanswered = requests.length;
    requests.forEach((request, index) => {
      applyRules(new BatchEntry(this, request, index));
    });
    this.#placeSome();
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#keepInLine((entry) => entry.notification);
    for (const entry of this.#placed) {
      const { pending } = entry;
      if (pending === undefined || entry.notification) continue;
      this.#leave(entry);
      pending.cancel();
    }
    this.#placeSome();
  }

  enqueue(entry: BatchEntry, spec: FunctionSpec, answer: (outcome: EntryOutcome) => void): void {
    const { fault } = this.#body.callOptions;
    if (fault !== undefined) return answer(failed(fault));
    entry.call = callRequest(spec, entry.request, this.#body);
    entry.answer = answer;
    const [first] = this.#line;
    if (first !== undefined && first.call.spec !== spec) this.#several = true;
    this.#line.push(entry as BatchCall);
  }

  /** Places calls while the window has room. An answer that comes meanwhile only makes room for this same loop. */
  #placeSome(): void {
    if (this.#placing) return;
    this.#placing = true;
    while (this.#outstanding < this.#body.options.batchWindow) {
      const entry = this.#line[this.#next];
      if (entry === undefined) break;
      const now = performance.now();
      if (this.#keeps(entry, now)) break;
      this.#next++;
      if (remainingMs(entry.call, now) <= 0) entry.answer(timedOut(entry.call));
      else if (this.#full && !entry.notification) entry.answer(this.#notRun());
      else this.#place(entry);
    }
    this.#placing = false;
    this.#watchLine();
  }

  /**
   * Whether what is left of the line stays here for now. In the queue those who call beside it would wait for all of it: beside 16
   * batches of 100 a lone call took 28 ms, and takes 4. And calls of microseconds cost 10% less CPU where no queue knows of each
   * (decision 0075).
   */
  #keeps({ call }: BatchCall, now: number): boolean {
    if (this.#outstanding < LEAST_PLACED || this.#several) return false;
    if (call.backend === 'cloud' || now >= this.#keepsUntil) return false;
    return this.#body.deps.holdsBack?.(call.spec, this.#line.length - this.#next) === true;
  }

  #place(entry: BatchCall): void {
    const { deps } = this.#body;
    this.#outstanding++;
    const answer = (outcome: Outcome | EntryOutcome): void => {
      if (entry.over) return;
      this.#leave(entry);
      this.#answered();
      entry.answer(this.#checked(outcome));
      this.#placeSome();
    };
    try {
      const pending = deps.dispatch(entry.call, answer);
      if (entry.over) return;
      entry.pending = pending;
      this.#placed.push(entry);
    } catch (error) {
      deps.log.error({ err: error, method: entry.call.spec.name }, 'placing a call of a batch failed');
      answer(failed(internalError()));
    }
  }

  /** An answer shows that the line moves. */
  #answered(): void {
    if (this.#next === this.#line.length) return;
    const { arrivedAt } = this.#body;
    this.#keepsUntil = Math.min(performance.now() + KEEP_MS, arrivedAt + MOST_KEPT_MS);
  }

  #leave(entry: BatchCall): void {
    entry.over = true;
    this.#outstanding--;
    entry.pending = undefined;
  }

  /** Unlike a single answer's, a batch's results share a body: a bad one would spoil the others. */
  #checked(outcome: EntryOutcome): EntryOutcome {
    if (!outcome.ok) return outcome;
    const { deps, options } = this.#body;
    if (outcome.json.length > options.maxBodyBytes) return failed(tooLarge('result', options.maxBodyBytes));
    if (isOneJsonValue(outcome.json)) return outcome;
    const worker = outcome.report?.worker;
    if (worker !== undefined) deps.onBadResult(worker);
    return failed(internalError());
  }

  end(index: number, outcome: EntryOutcome | undefined, id: string): void {
    this.#unanswered--;
    if (this.#cancelled) return;
    if (outcome !== undefined) this.#replies[index] = this.#fitted(outcome, id);
    if (this.#unanswered === 0) this.#body.answer(joinReplies(this.#replies));
  }

  /** The entry's answer, or TooLarge in its place if the reply would get too long; so will all results after it. */
  #fitted(outcome: EntryOutcome, id: string): Reply {
    const limit = this.#body.options.maxBodyBytes;
    let reply = replyTo(outcome, id);
    const fits = this.#bytes + reply.byteLength + 1 <= limit && !(this.#full && outcome.ok);
    if (!fits && (outcome.ok || outcome.error.name !== 'TooLarge')) {
      this.#full = true;
      reply = errorReply(tooLarge('result', limit), id);
    }
    this.#bytes += reply.byteLength + 1;
    return reply;
  }

  #notRun(): EntryOutcome {
    const limit = this.#body.options.maxBodyBytes;
    const message = `Not run: the answers to this batch together are larger than ${limit} bytes`;
    return failed({ ...tooLarge('result', limit), message });
  }

  /** One timer for the whole line, set for the deadline that comes first, or for when no more may be kept. */
  #watchLine(): void {
    if (this.#next === this.#line.length) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else if (this.#timer === undefined) {
      const now = performance.now();
      let soonest = now < this.#keepsUntil ? this.#keepsUntil - now : Infinity;
      for (const { call } of this.#line.slice(this.#next))
        soonest = Math.min(soonest, remainingMs(call, now));
      this.#timer = setTimeout(() => this.#lookAgain(), Math.max(1, Math.ceil(soonest)));
    }
  }

  #lookAgain(): void {
    this.#timer = undefined;
    const now = performance.now();
    const late = this.#keepInLine((entry) => remainingMs(entry.call, now) > 0);
    for (const entry of late) entry.answer(timedOut(entry.call));
    this.#placeSome();
  }

  /** Takes out of the line, and returns, the calls that `keep` is false for. */
  #keepInLine(keep: (entry: BatchCall) => boolean): BatchCall[] {
    const [kept, gone]: [BatchCall[], BatchCall[]] = [[], []];
    for (const entry of this.#line.slice(this.#next)) (keep(entry) ? kept : gone).push(entry);
    this.#line = kept;
    this.#next = 0;
    return gone;
  }
}

function remainingMs(call: CallRequest, now: number): number {
  return call.arrivedAt + call.timeoutMs - now;
}

function timedOut(call: CallRequest): EntryOutcome {
  return failed(timeout(call.timeoutMs, false));
}

/** All that may stand in JSON text outside of its strings, and most of what does inside; the bytes stand for themselves. */
const PLAIN = /^[\t\n\r -~]*$/;

function isOneJsonValue(json: ResultJson): boolean {
  try {
    if (typeof json === 'string' && PLAIN.test(json)) JSON.parse(json);
    else {
      const bytes = bytesOfResult(json);
      if (!isUtf8(bytes)) return false;
      JSON.parse(bytes.toString('utf8'));
    }
    return true;
  } catch {
    return false;
  }
}
