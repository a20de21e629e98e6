/**
 * A slot process: loads the bundle and runs calls that come over its own data connection. Everything a function can
 * do, it does in here; the process is thrown away when a function misbehaves.
 */
import { Socket } from 'node:net';
import { FrameDecoder, FrameType, HEADER_BYTES, encodeFrame } from '../src/pool/frames.ts';
import { Outgoing } from '../src/pool/outgoing.ts';
import { loadBundle } from './bundle.ts';
import { LINK_FD, LINK_MAX_BYTES, LinkType, readLink, say, type SlotOrder } from './link.ts';
import { Redial } from './redial.ts';
import { Runner, type AnswerSink } from './runner.ts';
import { markPrints } from './tags.ts';

/** The largest CALL taken, in bytes. The balancer caps requests far below; this only bounds a mistake. */
const CALL_MAX_BYTES = 1024 * 1024 * 1024;

/** Gathers answers and writes them in one go. */
class Outbox extends Outgoing implements AnswerSink {
  socket: Socket | undefined;

  send(frame: Buffer): void {
    this.push(frame);
  }

  flush(): void {
    this.flushTo(this.socket); // where there is none, the balancer has given these calls up
  }
}

function serve(order: SlotOrder, code: Buffer, cache: Buffer): void {
  const { bundle, createCache } = loadBundle(code, cache);
  const manifest = bundle.manifestJson();
  // Before any call has run: what a call leaves behind must never reach a later slot process.
  if (order.wantsCache) say(link, LinkType.NEW_CACHE, createCache());
  say(link, LinkType.LOADED, manifest);

  const outbox = new Outbox();
  const runner = new Runner(bundle, manifest, order.maxResultBytes, outbox);
  markPrints(() => runner.current());
  let decoder = new FrameDecoder(CALL_MAX_BYTES, true);
  const redial = new Redial(order.socket, {
    connected(socket) {
      decoder = new FrameDecoder(CALL_MAX_BYTES, true);
      outbox.socket = socket;
      runner.newEpoch();
      const hello = JSON.stringify({ worker: order.worker, key: order.key, ...runner.busy() });
      outbox.send(encodeFrame(FrameType.DATA_HELLO, hello));
      outbox.flush();
    },
    data(chunk) {
      try {
        decoder.push(chunk, (type, callId, payload) => {
          if (type === FrameType.CALL) runner.take(callId, payload);
          else if (type === FrameType.CANCEL) runner.cancel(callId);
          else if (type === FrameType.TAKE_BACK) runner.takeBack(callId);
        });
      } catch {
        redial.drop(); // only FrameError comes here
        return;
      }
      runner.pump();
      outbox.flush();
    },
    lost() {
      outbox.socket = undefined;
    },
  });
}

const link = new Socket({ fd: LINK_FD, readable: true, writable: true });
// The lifeline: a slot never outlives its control process.
link.on('close', () => process.exit(0));
link.on('error', () => process.exit(0));

let order: SlotOrder | undefined;
let cache: Buffer = Buffer.alloc(0);
readLink(link, LINK_MAX_BYTES + HEADER_BYTES, (type, payload) => {
  if (type === LinkType.ORDER) order = JSON.parse(payload.toString('utf8')) as SlotOrder;
  else if (type === LinkType.CACHE) cache = payload;
  else if (type === LinkType.PING) say(link, LinkType.PONG);
  else if (type === LinkType.CODE && order !== undefined) {
    try {
      serve(order, payload, cache);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      link.end(encodeFrame(LinkType.FAILED, reason));
    }
  }
});
