/** Two fronts that differ in their lane only, and what a client sees who sends both the same bytes. */
import { setImmediate as turn } from 'node:timers/promises';
import type { FrontOptions } from '../../src/rpc/http.ts';
import { FakeDispatch, type FakeCall } from '../fakes/dispatch.ts';
import { openFront, RawClient } from './front.ts';

/** What the client has seen at one moment. */
interface Seen {
  /** Its answers, without their dates. */
  readonly text: string;
  /** The server has ended its side, or cut the connection. */
  readonly ended: boolean;
}

/** What came of one stream of bytes. */
export interface Outcome {
  /** While the client could have sent more. */
  readonly open: Seen;
  /** After it has ended its side. */
  readonly ended: Seen;
  /** The calls that were dispatched, in order: method and params. */
  readonly calls: readonly string[];
}

/** One front, and what it dispatched. */
export interface LaneFront {
  readonly port: number;
  readonly fake: FakeDispatch;
}

/** Turns of the event loop without a byte from either side after which nothing more will come: all is in this process. */
const QUIET_TURNS = 6;

/** Both lanes: ours first, then the reference. Calls of g are answered at once, those of f a turn later. */
export async function openLanes(options: Partial<FrontOptions>): Promise<[LaneFront, LaneFront]> {
  const open = async (fastLane: boolean): Promise<LaneFront> => {
    const answer = (call: FakeCall): void => call.ok(call.request.params ?? '"none"');
    const fake = new FakeDispatch((call) => {
      if (call.method === 'g') answer(call);
      else setImmediate(() => answer(call));
    });
    const { port } = await openFront(fake, { ...options, fastLane });
    return { port, fake };
  };
  return [await open(true), await open(false)];
}

/** Sends the pieces to a front one by one, each after the one before it has been taken. */
export async function send({ port, fake }: LaneFront, pieces: readonly Buffer[]): Promise<Outcome> {
  fake.calls.length = 0;
  const client = await RawClient.open(port);
  client.socket.setNoDelay(true);
  const state = (): string => `${client.text.length} ${client.ended} ${client.closed}`;
  const quiet = async (turns: number): Promise<void> => {
    let last = state();
    for (let still = 0; still < turns; still++) {
      await turn();
      if (state() === last) continue;
      last = state();
      still = 0;
    }
  };
  const see = (): Seen => ({
    text: client.text.replace(/^date: .*\r\n/gim, ''),
    ended: client.ended || client.closed !== undefined,
  });
  for (const piece of pieces) {
    if (client.socket.destroyed) break;
    client.socket.write(piece);
    await quiet(2);
  }
  await quiet(QUIET_TURNS);
  const open = see();
  client.socket.end();
  await quiet(QUIET_TURNS);
  const outcome = { open, ended: see(), calls: fake.calls.map(describe) };
  client.socket.destroy();
  return outcome;
}

function describe({ method, request }: FakeCall): string {
  const { params, timeoutMs, backend, traceparent, tracestate } = request;
  return `${method} ${String(params)} ${timeoutMs} ${backend} ${traceparent} ${tracestate}`;
}
