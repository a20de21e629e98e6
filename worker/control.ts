/** The control connection: hello, heartbeats, the bundle, and the slots it is served by. */
import type { Socket } from 'node:net';
import { FrameDecoder, FrameType, PROTOCOL_VERSION, encodeFrame } from '../src/pool/frames.ts';
import type { LoadOrder } from '../src/pool/protocol.ts';
import { sameManifest } from '../src/pool/same-manifest.ts';
import { Comebacks, type SlotEnd } from './comebacks.ts';
import { LINK_MAX_BYTES } from './link.ts';
import { Redial } from './redial.ts';
import { SlotProcess, type Bundle, type SlotSettings } from './slot-process.ts';

/** How often the balancer hears that this process lives, in milliseconds; it gives up after 3 s of silence. */
const HEARTBEAT_MS = 500;
/** The balancer has a slot ended for this reason only. */
const AT_DEADLINE = 'ended at the deadline of its call';

/** How this worker was started. */
export interface ControlSettings extends SlotSettings {
  readonly token: string;
  readonly slots: number;
  /** How long to go on without a balancer, in milliseconds. */
  readonly orphanMs: number;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

/** One place for a slot process: when one ends, the next takes its place. */
interface Place {
  process: SlotProcess | undefined;
  readonly comebacks: Comebacks;
  restart: NodeJS.Timeout | undefined;
}

/** Runs the worker until close(). */
export class Control {
  readonly #settings: ControlSettings;
  readonly #redial: Redial;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #places: Place[] = [];
  #orphan: NodeJS.Timeout | undefined;
  #decoder = new FrameDecoder(LINK_MAX_BYTES);
  #bundle: Bundle | undefined;
  #manifest: string | undefined;

  constructor(settings: ControlSettings) {
    this.#settings = settings;
    this.#awaitBalancer();
    this.#redial = new Redial(settings.socket, {
      connected: (socket) => {
        this.#hello(socket);
      },
      data: (bytes, socket) => {
        this.#read(Buffer.from(bytes), socket); // the bundle is kept as it came
      },
      lost: () => {
        this.#awaitBalancer();
      },
    });
    this.#heartbeat = setInterval(() => {
      this.#say(FrameType.HEARTBEAT);
    }, HEARTBEAT_MS);
  }

  /** Ends every slot and lets go of the balancer. */
  close(): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#orphan);
    this.#redial.close();
    this.#endPlaces();
  }

  /** Goes on without a balancer for a while, counted from its last word and not from the last time it was dialled. */
  #awaitBalancer(): void {
    this.#orphan ??= setTimeout(() => {
      this.close();
      this.#settings.exit(0);
    }, this.#settings.orphanMs);
  }

  #hello(socket: Socket): void {
    this.#decoder = new FrameDecoder(LINK_MAX_BYTES);
    const hello = {
      protocol: PROTOCOL_VERSION,
      worker: this.#settings.worker,
      token: this.#settings.token,
      slots: this.#settings.slots,
      bundle: this.#manifest === undefined ? null : (this.#bundle?.hash ?? null),
      slotKeys: this.#places.flatMap((place) => (place.process?.loaded === true ? [place.process.key] : [])),
    };
    socket.write(encodeFrame(FrameType.HELLO, JSON.stringify(hello)));
  }

  #say(type: number, payload?: string): void {
    const { socket } = this.#redial;
    if (socket?.writable === true) socket.write(encodeFrame(type, payload));
  }

  #read(chunk: Buffer, socket: Socket): void {
    try {
      this.#decoder.push(chunk, (type, _id, payload) => {
        this.#obey(type, payload);
      });
    } catch {
      socket.destroy(); // only FrameError comes here; dialling again starts afresh
    }
  }

  #obey(type: number, payload: Buffer): void {
    clearTimeout(this.#orphan);
    this.#orphan = undefined;
    switch (type) {
      case FrameType.LOAD:
        this.#load(payload);
        break;
      case FrameType.KEEP:
        if (this.#manifest !== undefined) this.#say(FrameType.MANIFEST, this.#manifest);
        break;
      case FrameType.END_SLOT:
        this.#find(payload.toString('utf8'))?.kill(AT_DEADLINE);
        break;
      case FrameType.END_IF_STUCK:
        this.#find(payload.toString('utf8'))?.killIfStuck(AT_DEADLINE);
        break;
      default: // a newer balancer may say more
    }
  }

  #find(key: string): SlotProcess | undefined {
    return this.#places.find((place) => place.process?.key === key)?.process;
  }

  #load(payload: Buffer): void {
    const orderBytes = payload.readUInt32BE(0);
    const order = JSON.parse(payload.toString('utf8', 4, 4 + orderBytes)) as LoadOrder;
    this.#endPlaces();
    this.#manifest = undefined;
    this.#bundle = { ...order, code: payload.subarray(4 + orderBytes), cache: undefined };
    for (let i = 0; i < this.#settings.slots; i += 1) {
      const place: Place = { process: undefined, comebacks: new Comebacks(), restart: undefined };
      this.#places.push(place);
      this.#start(place, this.#bundle);
    }
  }

  #start(place: Place, bundle: Bundle): void {
    const startedAt = performance.now();
    try {
      const slot: SlotProcess = new SlotProcess(this.#settings, bundle, {
        loaded: (manifest) => {
          if (place.process === slot) this.#loaded(slot.key, manifest);
        },
        failed: (reason) => {
          if (place.process === slot) this.#say(FrameType.LOAD_FAILED, reason);
        },
        ended: (reason, lastWords, by) => {
          if (place.process !== slot) return; // ended on purpose: its place is gone
          this.#say(FrameType.SLOT_DOWN, JSON.stringify({ key: slot.key, reason }));
          const end = { loaded: slot.loaded, by, livedMs: performance.now() - startedAt };
          this.#restart(place, bundle, end, `${reason}\n${lastWords}`);
        },
        printed: (line) => {
          this.#say(FrameType.PRINTED, JSON.stringify(line));
        },
      });
      place.process = slot;
    } catch (error) {
      // No room for its folder or no process to be had: it may be there again later.
      const end = { loaded: false, by: 'itself', livedMs: 0 } as const;
      this.#restart(place, bundle, end, `it could not be started: ${String(error)}`);
    }
  }

  #loaded(key: string, manifest: string): void {
    this.#say(FrameType.SLOT_UP, JSON.stringify({ key }));
    if (this.#manifest === undefined) {
      this.#manifest = manifest;
      this.#say(FrameType.MANIFEST, manifest);
    } else if (!sameManifest(manifest, this.#manifest)) {
      this.#say(FrameType.LOAD_FAILED, 'two slots report different manifests for one bundle');
    }
  }

  #restart(place: Place, bundle: Bundle, end: SlotEnd, why: string): void {
    place.process = undefined;
    const { waitMs, blamed } = place.comebacks.after(end);
    if (blamed && this.#manifest === undefined) {
      this.#say(FrameType.LOAD_FAILED, `a process ended while it loaded them: ${why.trimEnd()}`);
    }
    place.restart = setTimeout(() => {
      this.#start(place, bundle);
    }, waitMs);
  }

  #endPlaces(): void {
    for (const place of this.#places) {
      clearTimeout(place.restart);
      const slot = place.process;
      place.process = undefined;
      slot?.kill('not needed any more');
    }
    this.#places.length = 0;
  }
}
