/**
 * The log as operators read it: the latest lines, and every call and placement, whatever the log's level is. At level
 * debug calls are lines of the log; above it they are kept here as they came, and become text only when somebody reads.
 */
import type { Logger } from 'pino';
import type { Outcome } from '../dispatch/call.ts';
import type { CallObserver, ObservedCall } from '../dispatch/observer.ts';
import type { LogFeed } from './log-feed.ts';
import { placeOf } from './recorder.ts';

/** How much is kept: lines of the log, and entries about calls. */
const KEPT_LINES = 1000;
const KEPT_ENTRIES = 2000;
/** A decision that sends calls away is said at info, but of a thousand alike only the first in so many milliseconds. */
const QUIET_MS = 10_000;
/** pino's numbers. */
const DEBUG = 20;

/** About a call; durations in milliseconds. */
interface About {
  readonly callId: string;
  readonly function: string;
  readonly [more: string]: unknown;
}

interface Entry extends About {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
}

interface Follower {
  readonly callId: string | undefined;
  readonly hear: (line: string) => void;
}

/** Keeps the latest, and tells those who follow. */
export class CallLog implements CallObserver, LogFeed {
  readonly #log: Logger;
  readonly #lines: LogLines;
  readonly #entries = new Ring<Entry>(KEPT_ENTRIES);
  readonly #followers = new Set<Follower>();
  readonly #said = new Map<string, { at: number; since: number }>();

  constructor(log: Logger, lines: LogLines) {
    this.#log = log;
    this.#lines = lines;
  }

  placed({ callId, request }: ObservedCall, place: string, reason: string, expected?: object): void {
    if (reason === 'slot free') return;
    const about = { callId: String(callId), function: request.spec.name, place, reason, ...expected };
    this.#note(about, 'placed');
    if (place === 'cloud' || place === 'reject') this.#say(about, `${place}: ${reason}`);
  }

  placedAgain({ callId, request }: ObservedCall, reason: string): void {
    this.#note({ callId: String(callId), function: request.spec.name, reason }, 'placed again');
  }

  answered({ callId, request }: ObservedCall, outcome: Outcome): void {
    const { worker, queueMs, runMs } = outcome.report;
    const place = placeOf(outcome);
    const result = outcome.ok ? 'ok' : outcome.error.name;
    this.#note(
      { callId: String(callId), function: request.spec.name, place, worker, queueMs, runMs, outcome: result },
      'call',
    );
  }

  recent(callId: string | undefined): string[] {
    const entries = this.#entries.all().filter((entry) => callId === undefined || entry.callId === callId);
    const noted = entries.map((entry) => ({ time: entry.time, line: JSON.stringify(entry) }));
    const logged = this.#lines.recent().flatMap((line) => {
      const { time, callId: about } = readLine(line);
      return callId === undefined || about === callId ? [{ time, line }] : [];
    });
    return [...logged, ...noted].toSorted((a, b) => a.time - b.time).map(({ line }) => line);
  }

  follow(callId: string | undefined, hear: (line: string) => void): () => void {
    const follower = { callId, hear };
    this.#followers.add(follower);
    const stop = this.#lines.follow((line) => {
      if (callId === undefined || readLine(line).callId === callId) hear(line);
    });
    return () => {
      stop();
      this.#followers.delete(follower);
    };
  }

  #note(about: About, msg: string): void {
    if (this.#log.isLevelEnabled('debug')) {
      this.#log.debug(about, msg);
      return;
    }
    const entry: Entry = { level: DEBUG, time: Date.now(), ...about, msg };
    this.#entries.push(entry);
    if (this.#followers.size > 0) this.#tell(entry);
  }

  #tell(entry: Entry): void {
    let line: string | undefined;
    for (const { callId, hear } of this.#followers) {
      if (callId === undefined || callId === entry.callId) hear((line ??= JSON.stringify(entry)));
    }
  }

  #say(about: { readonly place: string; readonly reason: string }, kind: string): void {
    const now = performance.now();
    const last = this.#said.get(kind);
    if (last !== undefined && now - last.at < QUIET_MS) {
      last.since += 1;
      return;
    }
    const alike = last !== undefined && last.since > 0 ? { alikeSinceTheLastLine: last.since } : {};
    this.#said.set(kind, { at: now, since: 0 });
    const words = about.place === 'cloud' ? 'sending calls to the cloud' : 'turning calls away';
    this.#log.info({ ...about, ...alike }, `${words}: ${about.reason}`);
  }
}

/** The last lines of the log, as they were written. */
export class LogLines {
  readonly #kept = new Ring<string>(KEPT_LINES);
  readonly #followers = new Set<(line: string) => void>();

  /** Takes a line from the logger. */
  readonly take = (text: string): void => {
    const line = text.trimEnd();
    this.#kept.push(line);
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

  all(): T[] {
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)];
  }
}

function readLine(line: string): { time: number; callId?: unknown } {
  try {
    const { time, callId } = JSON.parse(line) as { time?: unknown; callId?: unknown };
    return { time: typeof time === 'number' ? time : 0, callId };
  } catch {
    return { time: 0 };
  }
}
