/** What tests of the client API share: functions, options, and a protocol that answers with text. */
import { pino } from 'pino';
import { vi, type Mock } from 'vitest';
import type { PendingCall } from '../../src/dispatch/call.ts';
import type { FunctionSpec, Manifest } from '../../src/functions/manifest.ts';
import type { ProtocolDeps, ProtocolOptions } from '../../src/rpc/body.ts';
import type { CallHeaders } from '../../src/rpc/call-options.ts';
import { createProtocol, type Protocol } from '../../src/rpc/protocol.ts';
import type { Reply } from '../../src/rpc/reply.ts';
import type { FakeDispatch } from '../fakes/dispatch.ts';

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
export function textOf(reply: Reply | undefined): string | undefined {
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
