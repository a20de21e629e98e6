/** A slot with its data connection: frames on one side, leases on the other. */
import type { Answer } from './answer.ts';
import type { Connection } from './connection.ts';
import { dataSide, readAnswer, readSmallResult } from './data-frames.ts';
import { FrameType } from './frames.ts';
import type { DataHello } from './protocol.ts';
import { Slot, type SlotConnection, type SlotEvents } from './slot.ts';

/** The longest delay a Node timer can hold, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Room in a data frame for what goes round a result, in bytes. */
const ANSWER_SLACK_BYTES = 64 * 1024;

/** What a connected slot tells its worker. */
export interface ConnectedSlotEvents extends SlotEvents {
  /** It has one call fewer, and whoever wanted its room has had it. */
  released(): void;
  /** The call of a dead client that it was busy with has ended. */
  idle(connected: ConnectedSlot): void;
  /** It says what it wasn't asked. */
  lied(): void;
  /** The share of it that calls occupy has changed by so much. */
  occupied(bySlots: number): void;
  /** Its connection is gone; `garbage`: the peer didn't speak frames. Its calls still have to be told: lose(). */
  closed(connected: ConnectedSlot, reason: string, garbage: boolean): void;
}

/** One slot and its connection. */
export class ConnectedSlot {
  readonly slot: Slot;
  readonly #connection: Connection;
  readonly #events: ConnectedSlotEvents;
  /** A dead client's call still runs in it, so it takes none. */
  #busy: boolean;
  /** Ends a busy slot when that call's time is over. */
  #timer: NodeJS.Timeout | undefined;
  /** The share of the slot that was last told to be occupied. */
  #occupied = 0;

  constructor(
    connection: Connection,
    hello: DataHello,
    owner: { readonly workerId: string; readonly bundle: string },
    events: ConnectedSlotEvents,
  ) {
    const side = dataSide(connection, owner.bundle);
    const tallied: SlotConnection = {
      get more() {
        return side.more;
      },
      takeBack: (callId) => side.takeBack(callId),
      cancel: (callId) => side.cancel(callId),
      run: (callId, call, short) => {
        side.run(callId, call, short);
        this.#tally();
      },
    };
    this.slot = new Slot({ key: hello.key, ...owner }, tallied, events);
    this.#connection = connection;
    this.#events = events;
    this.#busy = hello.running > 0;
    if (!this.#busy) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        events.end(this.slot, 'now');
      },
      Math.min(hello.remainingMs, MAX_TIMER_MS),
    );
  }

  /** Whether a dead client's call still runs in it. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Listens to the connection from now on; one that is closed already says so at once. */
  attach(maxResultBytes: number): void {
    this.#connection.attach(
      maxResultBytes + ANSWER_SLACK_BYTES,
      (type, callId, payload) => {
        if (type === FrameType.IDLE && this.#busy) this.#idle();
        else if (type === FrameType.DROPPED) this.#ended(this.slot.drop(callId));
        else this.#ended(this.#answered(callId, readAnswer(type, payload)));
      },
      (reason, garbage) => {
        clearTimeout(this.#timer);
        this.#events.closed(this, reason, garbage);
      },
      (callId, bytes, from, to) => {
        this.#ended(this.#answered(callId, readSmallResult(bytes, from, to)));
      },
    );
  }

  /** Cuts the connection. */
  destroy(reason: string): void {
    this.#connection.destroy(reason);
  }

  /** Its calls are lost. */
  lose(reason: string): void {
    this.slot.lose(reason);
    this.#tally();
  }

  #tally(): void {
    const { occupied } = this.slot;
    if (occupied === this.#occupied) return;
    this.#events.occupied(occupied - this.#occupied);
    this.#occupied = occupied;
  }

  /** The dead client's call has ended. If its time was over, the slot is being ended, and takes no call. */
  #idle(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#busy = false;
    this.#events.idle(this);
  }

  /** A lease has ended; `honest`: what the slot said makes sense. */
  #ended(honest: boolean): void {
    if (honest) {
      this.#tally();
      this.#events.released();
    } else this.#events.lied();
  }

  #answered(callId: number, answer: Answer | undefined): boolean {
    return answer !== undefined && this.slot.answer(callId, answer);
  }
}
