/** What tests of the client API share: functions, options, and a protocol that answers with text. */
import { pino } from 'pino';
import { afterEach, beforeEach, expect, vi, type Mock } from 'vitest';
import type { PendingCall } from '../../src/dispatch/call.ts';
import type { FunctionSpec, Manifest } from '../../src/functions/manifest.ts';
import type { ProtocolDeps, ProtocolOptions } from '../../src/rpc/body.ts';
import type { CallHeaders } from '../../src/rpc/call-options.ts';
import { createProtocol, type Protocol } from '../../src/rpc/protocol.ts';
import type { Reply } from '../../src/rpc/reply.ts';
import { FakeDispatch } from '../fakes/dispatch.ts';

/** A function without a schema, with the contract's defaults. */
export function spec(name: string, extra: Partial<FunctionSpec> = {}): FunctionSpec {
  return { name, style: 'any', idempotent: false, offload: true, concurrency: 1, ...extra };
}

export function manifestOf(...specs: (string | FunctionSpec)[]): Manifest {
  return new Map(
    specs.map((given) => {
      const made = typeof given === 'string' ? spec(given) : given;
      return [made.name, made];
    }),
  );
}

export const OPTIONS: ProtocolOptions = {
  maxBodyBytes: 6_291_456,
  maxBatch: 1000,
  batchWindow: 500,
  timeoutMs: 30_000,
  backendChoice: false,
  version: '1.2.3',
};

export const SILENT = pino({ level: 'silent' });

/** The reply's bytes as text; undefined stays undefined. */
function textOf(reply: Reply | undefined): string | undefined {
  if (reply === undefined) return undefined;
  const pieces = typeof reply.pieces === 'string' ? [reply.pieces] : reply.pieces;
  const bytes = Buffer.concat(
    pieces.map((piece) => (Buffer.isBuffer(piece) ? piece : Buffer.from(piece, 'latin1'))),
  );
  if (bytes.length !== reply.byteLength)
    throw new Error(`${bytes.length} bytes, but it says ${reply.byteLength}`);
  return bytes.toString('utf8');
}

/** A protocol on a fake dispatch, spoken to in text. */
export interface Desk {
  readonly protocol: Protocol;
  readonly onBadResult: Mock<(worker: string) => void>;
  /** Hands in a body; `text` is the reply once there is one, `replies` how many there were. */
  send(body: string | Buffer, headers?: Partial<CallHeaders>): Sent;
}

export interface Sent {
  readonly pending: PendingCall;
  readonly replies: (string | undefined)[];
  readonly text: string | undefined;
  readonly json: unknown;
  readonly report: Reply['report'];
}

export function openDesk(
  fake: FakeDispatch,
  manifest: Manifest | undefined,
  options: Partial<ProtocolOptions> = {},
  deps: Partial<ProtocolDeps> = {},
): Desk {
  const onBadResult = vi.fn<(worker: string) => void>();
  const protocol = createProtocol(
    { manifest: () => manifest, dispatch: fake.dispatch, onBadResult, log: SILENT, ...deps },
    { ...OPTIONS, ...options },
  );
  return {
    protocol,
    onBadResult,
    send(body, headers = {}) {
      const replies: (string | undefined)[] = [];
      let report: Reply['report'];
      const asked = { timeoutMs: undefined, backend: undefined, ...headers };
      const pending = protocol.handle(Buffer.from(body as string), asked, (reply) => {
        replies.push(textOf(reply));
        report = reply?.report;
      });
      return {
        pending,
        replies,
        get text() {
          return replies[0];
        },
        get json() {
          return JSON.parse(replies[0] ?? 'no reply') as unknown;
        },
        get report() {
          return report;
        },
      };
    },
  };
}

interface ManualDesk {
  readonly fake: FakeDispatch;
  readonly desk: Desk;
}

/** A desk whose calls the test answers by hand. */
export function openManual(options?: Partial<ProtocolOptions>, deps?: Partial<ProtocolDeps>): ManualDesk {
  const fake = new FakeDispatch();
  const manifest = manifestOf('f', spec('quick', { timeoutMs: 50 }), 'id', 'constructor');
  return { fake, desk: openDesk(fake, manifest, options, deps) };
}

/** A request as text; `rest` is its further members, raw, each after a comma. */
export function request(rest = '', method = 'f'): string {
  return `{"jsonrpc":"2.0","method":"${method}"${rest}}`;
}

/** As openManual, with a function whose deadline is short and one whose deadline is longer. */
export function openBatching(options?: Partial<ProtocolOptions>, deps?: Partial<ProtocolDeps>): ManualDesk {
  const fake = new FakeDispatch();
  const quick = spec('quick', { timeoutMs: 100 });
  const slow = spec('slow', { timeoutMs: 1000 });
  return { fake, desk: openDesk(fake, manifestOf('f', quick, slow), options, deps) };
}

/** An entry of a batch; a notification without an id. */
export function call(id: string | number | undefined, method = 'f'): string {
  return request(id === undefined ? '' : `,"id":${id}`, method);
}

/** A batch of so many calls, with ids from 0 on. */
export function calls(count: number, method = 'f'): string {
  return `[${Array.from({ length: count }, (_, index) => call(index, method)).join()}]`;
}

/** The entries of a reply as `id: result` or `id: error code`. */
export function summary(json: unknown): unknown[] {
  return (json as { id: unknown; result?: unknown; error?: { code: number } }[]).map(
    ({ id, result, error }) => {
      return [id, error?.code ?? result];
    },
  );
}

/** Fakes the timers of every test in the file. */
export function fakeTimers(): void {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    // A timer left behind outlives its batch.
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
}
