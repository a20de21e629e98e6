/** A balancer to which anything may happen, and the rules that hold whatever does. */
import assert from 'node:assert/strict';
import { FakeBalancer, type MadeCall } from '../../fakes/balancer.ts';
import type { FakeSlot } from '../../fakes/slot.ts';
import { pass, settle, timersLeft } from '../../fakes/virtual-time.ts';
import type { FakeWorker } from '../../fakes/worker.ts';
import { FrameType, encodeAnswer } from '../../../src/pool/frames.ts';
import { FUNCTIONS, MAX_WORKERS, NAMES, QUEUE_CALLS, type Event, type Name } from './events.ts';
import type { PolicyName } from '../../../src/pool/policies.ts';

/** A deadline is noticed this much late at the most, in milliseconds. */
const DEADLINE_STEP_MS = 11;

/** One call and all that happened to it. */
interface Entry extends MadeCall {
  readonly name: Name;
  readonly deadlineAt: number;
  cancelled: boolean;
  /** Answers when it was cancelled. */
  answersThen: number;
  /** Whether a slot ever had it. */
  handed: boolean;
  /** Slots that were handed it and didn't give it back unstarted. */
  hands: FakeSlot[];
  /** The worker on which it was last lost. */
  lostOn: string | undefined;
}

/** See the file's comment. */
export class Scenario {
  readonly balancer: FakeBalancer;
  readonly #byIndex = new Map<number, Entry>();
  #made = 0;

  constructor(options: { workers: number; slots: number; policy: PolicyName }) {
    this.balancer = new FakeBalancer({
      ...options,
      functions: FUNCTIONS,
      queueCalls: QUEUE_CALLS,
      onSlot: (slot) => this.#watch(slot),
    });
    this.balancer.warmUp('quick');
  }

  get #entries(): Entry[] {
    return [...this.#byIndex.values()];
  }

  /** Makes it happen, and checks every rule. */
  apply(event: Event): void {
    this.#do(event);
    settle();
    this.#check();
  }

  /** Ends all that is under way, and checks that nothing stays. */
  finish(): void {
    for (let round = 0; round < 100 && this.#entries.some(open); round += 1) {
      if (this.balancer.pool.count('ready') === 0) this.balancer.addWorker();
      for (const slot of this.balancer.slots) {
        slot.endOld();
        if (!slot.connected) slot.connect();
        while (slot.calls.length > 0) slot.answer();
      }
      this.apply({ do: 'pass', ms: 100 });
    }
    for (const slot of this.balancer.slots) slot.unstick();
    pass(100);
    for (const slot of this.balancer.slots) while (slot.calls.length > 0) slot.answer();
    pass(100);
    const unanswered = this.#entries.filter(open).map(({ name }) => name);
    assert.deepEqual(unanswered, []);
    assert.equal(this.balancer.dispatcher.queued, 0);
    for (const worker of this.balancer.pool.workers) assert.equal(worker.running, 0);
    const timers = timersLeft();
    void this.balancer.dispatcher.drain(1000);
    assert.equal(timersLeft(), timers, 'drain waits for a call that has ended');
    this.balancer.close();
    pass(100);
    assert.equal(timersLeft(), 0, 'timers are left');
    assert.deepEqual(this.balancer.pool.workers, []);
    assert.deepEqual(this.balancer.pool.slots, []);
  }

  #do(event: Event): void {
    switch (event.do) {
      case 'call':
        for (let i = 0; i < event.times; i += 1) this.#call(event.name, event.timeoutMs);
        return;
      case 'pass':
        pass(event.ms);
        return;
      case 'new worker':
        if (this.#livingWorkers().length < MAX_WORKERS) this.balancer.addWorker();
        return;
      case 'cancel': {
        const entry = this.#entries.filter(open).at(event.at % 7);
        if (entry === undefined) return;
        entry.cancelled = true;
        entry.answersThen = entry.outcomes.length;
        entry.pending.cancel();
        return;
      }
      case 'chain': {
        const entry = this.#entries.filter(open).at(event.at % 7);
        // A batch's next entry is dispatched while the answer to one before it is being told.
        if (entry !== undefined)
          entry.next = () => this.#call(NAMES[event.at % NAMES.length] ?? 'quick', 400);
        return;
      }
      case 'worker dies':
        pick(this.#livingWorkers(), event.at)?.die();
        return;
      case 'drain':
        pick(this.balancer.pool.workers, event.at)?.drain();
        return;
      case 'rest':
        pick(this.balancer.pool.workers, event.at)?.rest();
        return;
      case 'readmit':
        pick(this.balancer.pool.workers, event.at)?.readmit();
        return;
      default:
        this.#toSlot(event);
    }
  }

  #toSlot(event: Extract<Event, { at: number }>): void {
    const slot = pick(this.balancer.slots, event.at);
    if (slot === undefined) return;
    switch (event.do) {
      case 'answer':
      case 'fail': {
        const started = pick(slot.started, 'which' in event ? event.which : 0);
        if (started === undefined) slot.endOld();
        else if (event.do === 'answer') slot.answer(started);
        else slot.fail(started);
        return;
      }
      case 'stick':
        if (slot.calls.length > 0) slot.stick();
        return;
      case 'hang up':
        slot.hangUp();
        return;
      case 'redial':
        if (!slot.connected) slot.connect();
        return;
      case 'slot dies':
        this.balancer.workers.find(({ id }) => id === slot.workerId)?.endSlot(slot);
        return;
      case 'lie':
        if (event.at % 2 === 0) slot.send(encodeAnswer(FrameType.RESULT, 0xffff_fffe, 1, 1, '"forged"'));
        else slot.send(Buffer.alloc(9)); // no frame has a length of 0
        return;
      default:
    }
  }

  #call(name: Name, timeoutMs: number): void {
    this.#made += 1;
    const index = this.#made;
    const deadlineAt = performance.now() + timeoutMs;
    const made = this.balancer.call(name, { timeoutMs, params: `[${index}]` });
    const known = { name, deadlineAt, cancelled: false, answersThen: 0, handed: false, hands: [] };
    // The same object: what is set on it later is what the answer sees.
    this.#byIndex.set(index, Object.assign(made, { ...known, lostOn: undefined }));
  }

  #livingWorkers(): FakeWorker[] {
    return this.balancer.workers.filter((worker) => !worker.gone);
  }

  #entry(params: string | undefined): Entry | undefined {
    return params === undefined ? undefined : this.#byIndex.get((JSON.parse(params) as [number])[0]);
  }

  #watch(slot: FakeSlot): void {
    slot.onCall = (frame) => {
      const entry = this.#entry(frame.params);
      if (entry === undefined) return; // of the warm-up
      this.#checkHand(entry, slot, frame.remainingMs);
      entry.hands.push(slot);
      entry.handed = true;
    };
    slot.onLost = (frame) => {
      const entry = this.#entry(frame.params);
      if (entry !== undefined) entry.lostOn = slot.workerId;
    };
    slot.onDropped = (frame) => {
      const hands = this.#entry(frame.params)?.hands ?? [];
      hands.splice(hands.lastIndexOf(slot), 1);
    };
  }

  #checkHand(entry: Entry, slot: FakeSlot, remainingMs: number): void {
    const { name, hands } = entry;
    const worker = this.balancer.pool.workers.find(({ id }) => id === slot.workerId);
    assert.notEqual(worker?.state, 'standby', 'a standby was handed a call');
    assert.ok(remainingMs > 0, `${name} was handed over after its deadline`);
    // One that is answered in this very moment may have been on its way already.
    const answered = entry.outcomes.length > 0 && entry.answeredAt < performance.now();
    assert.ok(!answered, `${name} was handed over after its answer`);
    assert.ok(!entry.cancelled || hands.length > 0, `${name} was started after it was cancelled`);
    assert.ok(hands.length < (FUNCTIONS[name].idempotent ? 2 : 1), `${name} may run once too often`);
    if (entry.lostOn !== slot.workerId) return;
    // A slot that came in this very moment may have come after the choice.
    const fresh = this.balancer.slots.filter(({ connectedAt }) => connectedAt === performance.now());
    const others = this.balancer.pool.slots.filter(
      ({ workerId, usable, key }) =>
        workerId !== slot.workerId && usable && !fresh.some((other) => other.key === key),
    );
    assert.deepEqual(others, [], 'the second time is on another worker, if there is one');
  }

  #check(): void {
    // The dispatcher's own word, since a call on its way to a stuck slot doesn't wait.
    const waiting = this.#entries.filter((entry) => open(entry) && entry.pending.waiting);
    const fresh = waiting.filter((entry) => !entry.handed && entry.pending.attempts === 0);
    assert.ok(fresh.length <= QUEUE_CALLS, `${fresh.length} calls wait in a queue for ${QUEUE_CALLS}`);
    for (const entry of this.#entries) checkEntry(entry);
    const leased = this.balancer.pool.slots.reduce((sum, slot) => sum + slot.occupied, 0);
    assert.ok(Math.abs(this.balancer.pool.busySlots - leased) < 1e-6, 'busy slots are miscounted');
    for (const slot of this.balancer.slots) this.#checkSlot(slot);
    for (const slot of this.balancer.pool.slots) {
      const kinds = waiting.map(({ name }) => concurrencyOf(name));
      assert.ok([0, ...kinds].includes(slot.reservedFor), 'a slot is held back for nobody');
      for (const { name, lostOn } of waiting) {
        const idle = lostOn !== slot.workerId && slot.room(concurrencyOf(name)) > 0;
        assert.ok(!idle, `${name} waits though a slot has room`);
      }
    }
  }

  #checkSlot(slot: FakeSlot): void {
    if (slot.stuck || !slot.connected) return;
    const names = slot.calls.map((frame) => this.#entry(frame.params)!.name);
    assert.ok(names.length === 0 || slot.old.length === 0, 'a slot busy with an earlier call got another');
    const kinds = new Set(names.map(concurrencyOf));
    assert.ok(kinds.size <= 1, `a slot is shared by ${names.join()}`);
    const [concurrency = 1] = kinds;
    if (names.length > concurrency) {
      assert.equal(concurrency, 1, `${names.length} calls in a slot of ${concurrency}`);
      assert.ok(names.slice(1).every((name) => name === 'quick' || name === 'slow'));
      assert.ok(names.length <= 17, `${names.length} calls in a slot`);
    }
    const worker = this.balancer.pool.workers.find(({ id }) => id === slot.workerId);
    assert.ok(worker?.state !== 'standby' || names.length === 0, 'a standby runs a call');
    const seen = worker?.slots.find(({ key }) => key === slot.key);
    if (seen !== undefined) assert.equal(seen.running, names.length, 'leases are the calls in the slot');
  }
}

function checkEntry(entry: Entry): void {
  const { name, outcomes } = entry;
  assert.ok(outcomes.length <= 1, `${name} was answered ${outcomes.length} times`);
  if (entry.cancelled) assert.equal(outcomes.length, entry.answersThen, `${name} was answered after cancel`);
  const late = performance.now() - entry.deadlineAt;
  assert.ok(!open(entry) || late < DEADLINE_STEP_MS, `${name} is unanswered ${late} ms after its deadline`);
}

function concurrencyOf(name: Name): number {
  return FUNCTIONS[name].concurrency;
}

function open(entry: Entry): boolean {
  return entry.outcomes.length === 0 && !entry.cancelled;
}

function pick<T>(all: readonly T[], number: number): T | undefined {
  return all[number % Math.max(1, all.length)];
}
