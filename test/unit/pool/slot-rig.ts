/** A slot without a connection, the calls it gets, and what it says. */
import { newCallId } from '../../../src/pool/call-ids.ts';
import type { SlotAnswer } from '../../../src/pool/answer.ts';
import { WARM_AFTER_CALLS } from '../../../src/pool/ahead-limits.ts';
import { Slot, type SlotCall } from '../../../src/pool/slot.ts';

/** An answer like any other. */
export const ANSWER = { json: Buffer.from('1'), failure: undefined, runMs: 0.1, cpuMs: undefined };
/** A deadline that doesn't come in these tests. */
const FAR_MS = 60_000;

/** A call that notes what it is told. */
export class Call implements SlotCall {
  readonly callId = newCallId();
  readonly params = undefined;
  readonly deadlineAt: number;
  readonly concurrency: number;
  shortMs: number;
  /** What it was told. */
  readonly told: string[] = [];
  /** What is left of it, in milliseconds. */
  leftMs = 0;
  answer: SlotAnswer | undefined;
  id = 0;

  constructor(is: { concurrency?: number; shortMs?: number; timeoutMs?: number } = {}) {
    this.concurrency = is.concurrency ?? 1;
    this.shortMs = is.shortMs ?? Infinity;
    this.deadlineAt = performance.now() + (is.timeoutMs ?? FAR_MS);
  }

  functionIndexIn(): number {
    return 0;
  }

  remainingMs(): number {
    return this.leftMs;
  }

  likelyLeftMs(): number {
    return this.leftMs;
  }

  answered(_slot: Slot, answer: SlotAnswer): void {
    this.told.push('answered');
    this.answer = answer;
  }

  dropped(): void {
    this.told.push('dropped');
  }

  lost(_slot: Slot, reason: string): void {
    this.told.push(`lost: ${reason}`);
  }

  heldUp(): void {
    this.told.push('held up');
  }
}

/** An open slot. */
export class SlotRig {
  /** What the slot said: to its process, and to the pool. */
  readonly said: string[] = [];
  /** What became of the calls it ran. */
  readonly ended: ('ran' | 'failed')[] = [];
  /** Of calls known to be short. */
  ranShortMs = 0;
  readonly slot: Slot;

  constructor() {
    const say =
      (what: string) =>
      (id: number): void =>
        void this.said.push(`${what} ${id}`);
    this.slot = new Slot(
      { key: 'key', workerId: 'w1', bundle: 'the bundle' },
      {
        more: false,
        run: (id, _call, short) => this.said.push(short ? `run ${id} short` : `run ${id}`),
        takeBack: say('take back'),
        cancel: say('cancel'),
      },
      {
        room: () => void this.said.push('room'),
        ended: (failed) => void this.ended.push(failed ? 'failed' : 'ran'),
        end: (_slot, how) => void this.said.push(`end ${how}`),
        ranShort: (ms) => void (this.ranShortMs += ms),
      },
    );
    this.slot.open();
    this.said.length = 0;
  }

  /** Leases it to a call. */
  run(is: ConstructorParameters<typeof Call>[0] = {}): Call {
    const call = new Call(is);
    call.id = this.slot.run(call);
    return call;
  }

  /** Has it run enough calls to be handed some ahead. */
  warm(calls = WARM_AFTER_CALLS): void {
    for (let i = 0; i < calls; i += 1) this.slot.answer(this.run().id, ANSWER);
    this.said.length = 0;
    this.ended.length = 0;
  }

  /** What it said about its own end. */
  get ends(): string[] {
    return this.said.filter((word) => word.startsWith('end'));
  }
}
