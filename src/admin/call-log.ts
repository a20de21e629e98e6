/**
 * The log as operators read it: the latest lines, and every call and placement, whatever the log's level is. At level
 * debug calls are lines of the log; above it they are kept here as they came, and become text only when somebody reads.
 */
import type { Logger } from 'pino';
import type { CloudCall, CloudEnd } from '../cloud/backend.ts';
import type { Outcome } from '../dispatch/call.ts';
import type { CallObserver, ObservedCall, PlacedAt } from '../dispatch/observer.ts';
import type { LogFeed } from './log-feed.ts';
import { placeOf } from './recorder.ts';

/** How much is kept: lines of the log, and entries about calls. */
const KEPT_LINES = 1000;
const KEPT_ENTRIES = 2000;
/** A decision that sends calls away is said at info, but of a thousand alike only the first in so many milliseconds. */
const QUIET_MS = 10_000;
/** pino's numbers. */
const DEBUG = 20;

/** What happens to a call. */
type Step = 'placed' | 'placed again' | 'sent to the cloud' | CloudAnswer | 'call';
type CloudAnswer = 'answer of the cloud' | 'no answer of the cloud';

/**
 * About a call; durations in milliseconds. Written over and over: thousands of them are kept, so those made anew for every
 * call would all outlive the young generation, and be copied for it.
 */
class Entry {
  time = 0;
  /** How many lines the log had when it was noted, which tells its place among them: clocks have steps, and are put back. */
  after = 0;
  callId = 0;
  function = '';
  msg: Step = 'call';
  place: string | undefined;
  /** Why it was placed so; of a call that has ended, how. */
  word = '';
  /** What else there is to say: what was expected in each place, or what it took in the cloud. */
  more: object | undefined;
  worker: string | undefined;
  queueMs = 0;
  runMs = 0;
}

interface Follower {
  readonly callId: string | undefined;
  readonly hear: (line: string) => void;
}

/** Keeps the latest, and tells those who follow. */
export class CallLog implements CallObserver, LogFeed {
  readonly #log: Logger;
  readonly #lines: LogLines;
  readonly #debug: boolean;
  readonly #entries = new Ring<Entry>(KEPT_ENTRIES);
  readonly #followers = new Set<Follower>();
  readonly #said = new Map<string, { at: number; since: number }>();

  constructor(log: Logger, lines: LogLines) {
    this.#log = log;
    this.#debug = log.isLevelEnabled('debug');
    this.#lines = lines;
  }

  placed({ callId, request }: ObservedCall, place: PlacedAt, reason: string, expected?: object): void {
    if (reason === 'slot free') return;
    const entry = this.#entry(callId, request.spec.name, 'placed', reason);
    entry.place = place;
    entry.more = expected;
    this.#written(entry);
    if (place !== 'cloud' && place !== 'reject') return;
    const words = place === 'cloud' ? 'sending calls to the cloud' : 'turning calls away';
    this.#say('info', `${words}: ${reason}`, { callId: String(callId), function: request.spec.name });
  }

  placedAgain({ callId, request }: ObservedCall, reason: string): void {
    this.#written(this.#entry(callId, request.spec.name, 'placed again', reason));
  }

  answered({ callId, request }: ObservedCall, outcome: Outcome): void {
    const { worker, queueMs, runMs } = outcome.report;
    const entry = this.#entry(callId, request.spec.name, 'call', outcome.ok ? 'ok' : outcome.error.name);
    entry.place = placeOf(outcome);
    entry.worker = worker;
    entry.queueMs = queueMs;
    entry.runMs = runMs;
    this.#written(entry);
  }

  /** It has left for the cloud. */
  sentToCloud({ callId, spec }: CloudCall): void {
    this.#written(this.#entry(Number(callId), spec.name, 'sent to the cloud', ''));
  }

  /** It has ended there; told before its answer, and of one that was answered at its deadline after that. */
  cloudEnded({ callId, spec }: CloudCall, end: CloudEnd): void {
    const { answered, mayHaveRun, outcome, logGroup, detail, gatewayRequestId, report } = end;
    const step = answered ? 'answer of the cloud' : 'no answer of the cloud';
    const entry = this.#entry(Number(callId), spec.name, step, outcome);
    const lost = answered ? undefined : { mayHaveRun, detail, gatewayRequestId };
    const log =
      end.printsLeftOut > 0 || (!answered && mayHaveRun) ? { logGroup, logStream: end.logStream } : undefined;
    entry.more = { ...report, ...lost, ...log };
    this.#written(entry);
    if (!answered && mayHaveRun) {
      const found = {
        callId,
        function: spec.name,
        place: 'cloud',
        gatewayRequestId,
        logGroup,
        sentMsAgo: report.elapsedMs,
      };
      this.#say('warn', `a call in the cloud has no answer: ${outcome}`, found);
    }
  }

  recent(callId: string | undefined): string[] {
    const wanted = callId === undefined ? undefined : Number(callId);
    const entries = this.#entries.all().filter((entry) => wanted === undefined || entry.callId === wanted);
    const noted = entries.map((entry) => ({ after: entry.after, line: textOf(entry) }));
    const lines = this.#lines.recent();
    const before = this.#lines.count - lines.length;
    const logged = lines.flatMap((line, at) =>
      callId === undefined || callIdOf(line) === callId ? [{ after: before + at, line }] : [],
    );
    // The sort is stable, so what was noted after as many lines comes before the next one.
    return [...noted, ...logged].toSorted((a, b) => a.after - b.after).map(({ line }) => line);
  }

  follow(callId: string | undefined, hear: (line: string) => void): () => void {
    const follower = { callId, hear };
    this.#followers.add(follower);
    const stop = this.#lines.follow((line) => {
      if (callId === undefined || callIdOf(line) === callId) hear(line);
    });
    return () => {
      stop();
      this.#followers.delete(follower);
    };
  }

  #entry(callId: number, name: string, msg: Entry['msg'], word: string): Entry {
    const entry = this.#debug ? new Entry() : this.#entries.next(() => new Entry());
    entry.time = Date.now();
    entry.after = this.#lines.count;
    entry.callId = callId;
    entry.function = name;
    entry.msg = msg;
    entry.word = word;
    entry.more = undefined;
    return entry;
  }

  #written(entry: Entry): void {
    if (this.#debug) {
      this.#log.debug(
        { callId: String(entry.callId), function: entry.function, ...aboutOf(entry) },
        entry.msg,
      );
    } else if (this.#followers.size > 0) this.#tell(entry);
  }

  #tell(entry: Entry): void {
    let line: string | undefined;
    for (const { callId, hear } of this.#followers) {
      if (callId === undefined || Number(callId) === entry.callId) hear((line ??= textOf(entry)));
    }
  }

  /** Says what may be true of a thousand calls, of the first in a while. */
  #say(level: 'info' | 'warn', words: string, first: object): void {
    const now = performance.now();
    const last = this.#said.get(words);
    if (last !== undefined && now - last.at < QUIET_MS) {
      last.since += 1;
      return;
    }
    const alike = last !== undefined && last.since > 0 ? { alikeSinceTheLastLine: last.since } : {};
    this.#said.set(words, { at: now, since: 0 });
    this.#log[level]({ ...first, ...alike }, words);
  }
}

/** The last lines of the log, as they were written. */
export class LogLines {
  readonly #kept = new Ring<string>(KEPT_LINES);
  readonly #followers = new Set<(line: string) => void>();
  #count = 0;

  /** How many there have been. */
  get count(): number {
    return this.#count;
  }

  /** Takes a line from the logger. */
  readonly take = (text: string): void => {
    const line = text.trimEnd();
    this.#kept.push(line);
    this.#count += 1;
    for (const hear of this.#followers) hear(line);
  };

  /** Those kept, oldest first. */
  recent(): string[] {
    return this.#kept.all();
  }

  /** Hears every further line until the returned function is called. */
  follow(hear: (line: string) => void): () => void {
    this.#followers.add(hear);
    return () => void this.#followers.delete(hear);
  }
}

/** The last so many of something. */
class Ring<T> {
  readonly #size: number;
  readonly #items: T[] = [];
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  push(item: T): void {
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#size;
  }

  /** The next one in turn, to be written over; made where there is none yet. */
  next(make: () => T): T {
    const item = (this.#items[this.#next] ??= make());
    this.#next = (this.#next + 1) % this.#size;
    return item;
  }

  all(): T[] {
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)];
  }
}

function aboutOf({ msg, place, word, more, worker, queueMs, runMs }: Entry): object {
  switch (msg) {
    case 'call':
      return { place, worker, queueMs, runMs, outcome: word };
    case 'placed':
      return { place, reason: word, ...more };
    case 'placed again':
      return { reason: word };
    case 'sent to the cloud':
      return {};
    default:
      return { place: 'cloud', outcome: word, ...more };
  }
}

function textOf(entry: Entry): string {
  const { time, callId, function: name, msg } = entry;
  return JSON.stringify({
    level: DEBUG,
    time,
    callId: String(callId),
    function: name,
    ...aboutOf(entry),
    msg,
  });
}

function callIdOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { callId?: unknown }).callId;
  } catch {
    return undefined;
  }
}
