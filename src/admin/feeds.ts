/** What goes out over the event streams: snapshots of the balancer, and lines of its log. */
import type { ServerResponse } from 'node:http';
import type { LogFeed } from './log-feed.ts';
import type { Operations } from './operations.ts';
import { EventStreams } from './streams.ts';

/** So many of each kind may be open: a dashboard needs one, and each costs a connection. */
export const MAX_STREAMS = 32;

/** Snapshots at a fixed interval, made once for all who listen, and only while somebody does. */
export class SnapshotFeed {
  readonly streams = new EventStreams(MAX_STREAMS);
  readonly #operations: Operations;
  readonly #listeners = new Set<(json: string) => void>();
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(operations: Operations, intervalMs: number) {
    this.#operations = operations;
    this.#intervalMs = intervalMs;
  }

  /** Turns an answer into a stream of snapshots; the first goes out at once. */
  open(response: ServerResponse): void {
    const first = this.#take();
    const stream = this.streams.open(response);
    const send = (json: string): void => void stream.send(json);
    send(first);
    this.#listeners.add(send);
    this.#timer ??= setInterval(() => this.#tell(), this.#intervalMs);
    stream.onClose(() => {
      this.#listeners.delete(send);
      if (this.#listeners.size === 0) this.#stopTimer();
    });
  }

  /** Ends every stream. */
  close(): void {
    this.#stopTimer();
    this.streams.close();
  }

  #take(): string {
    return JSON.stringify(this.#operations.snapshot());
  }

  #tell(): void {
    const json = this.#take();
    for (const send of this.#listeners) send(json);
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Log lines: those that were kept, then those that come. */
export class LogLineFeed {
  readonly streams = new EventStreams(MAX_STREAMS);
  readonly #logs: LogFeed;

  constructor(logs: LogFeed) {
    this.#logs = logs;
  }

  /** Turns an answer into a stream of lines. `query`: call=ID for one call only, follow=false for what was kept only. */
  open(response: ServerResponse, query: URLSearchParams): void {
    const callId = query.get('call') ?? undefined;
    const stream = this.streams.open(response);
    stream.begin(this.#logs.recent(callId));
    if (query.get('follow') === 'false') response.end();
    else stream.onClose(this.#logs.follow(callId, (line) => void stream.send(line)));
  }

  /** Ends every stream. */
  close(): void {
    this.streams.close();
  }
}
