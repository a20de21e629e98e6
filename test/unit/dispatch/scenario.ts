/** A balancer to which anything may happen, and the rules that hold whatever does. */
import assert from 'node:assert/strict';
import { FakeBalancer } from '../../fakes/balancer.ts';
import type { FakeSlot } from '../../fakes/slot.ts';
import { pass, settle, timersLeft } from '../../fakes/virtual-time.ts';
import type { FakeWorker } from '../../fakes/worker.ts';
import { FrameType, encodeAnswer } from '../../../src/pool/frames.ts';
import { checkEntry, checkRun, checkSlot, concurrencyOf, open, pick, type Entry } from './scenario-entry.ts';
import { FUNCTIONS, MAX_WORKERS, NAMES, QUEUE_CALLS, type Event, type Name } from './events.ts';
import type { CloudCall } from '../../../src/cloud/backend.ts';
import type { Backend } from '../../../src/dispatch/call.ts';
import type { CallCounts } from '../../../src/dispatch/dispatcher.ts';
import type { OffloadPolicy } from '../../../src/dispatch/placement.ts';
import type { PolicyName } from '../../../src/pool/policies.ts';
import { CLOUD_ENDS, OFFLOAD_WAIT_MS, WatchedCloud, type CloudEnd } from './watched-cloud.ts';
import { textOf, type Params } from '../../../src/pool/params.ts';

/** How a scenario's balancer is set up. */
export interface ScenarioOptions {
  readonly workers: number;
  readonly slots: number;
  readonly policy: PolicyName;
  readonly offload: OffloadPolicy;
}

/** See the file's comment. */
export class Scenario {
  readonly balancer: FakeBalancer;
  readonly #cloud: WatchedCloud;
  readonly #byIndex = new Map<number, Entry>();
  #made = 0;
  readonly #before: CallCounts;

  constructor(options: ScenarioOptions) {
    this.#cloud = new WatchedCloud((call) => {
      this.#sent(call);
    });
    this.balancer = new FakeBalancer({
      ...options,
      cloud: this.#cloud,
      offload: { policy: options.offload, waitMs: OFFLOAD_WAIT_MS },
      functions: FUNCTIONS,
      queueCalls: QUEUE_CALLS,
      onSlot: (slot) => this.#watch(slot),
    });
    this.balancer.warmUp('quick');
    this.#before = { ...this.balancer.dispatcher.counts };
    this.#cloud.degrade(undefined);
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
      for (const worker of this.balancer.pool.workers) {
        worker.readmit();
        settle(); // one by one: a call is placed among those that are there when the first one is back
      }
      if (this.balancer.pool.count('ready') === 0) this.balancer.addWorker();
      for (const slot of this.balancer.slots) {
        slot.endOld();
        if (!slot.connected) slot.connect();
        while (slot.calls.length > 0) slot.answer();
      }
      this.apply({ do: 'cloud answers', at: round });
      this.apply({ do: 'pass', ms: 100 });
    }
    while (this.#cloud.held.length > 0) this.#cloudEnds('cloud answers', 0);
    for (const slot of this.balancer.slots) slot.unstick();
    pass(100);
    for (const slot of this.balancer.slots) while (slot.calls.length > 0) slot.answer();
    pass(100);
    const unanswered = this.#entries.filter(open).map(({ name }) => name);
    assert.deepEqual(unanswered, []);
    this.#checkCounts();
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
        for (let i = 0; i < event.times; i += 1) this.#call(event.name, event.timeoutMs, event.backend);
        return;
      case 'pass':
        pass(event.ms);
        return;
      case 'cloud is':
        this.#cloud.degrade(event.reason);
        return;
      case 'cloud answers':
      case 'cloud fails':
      case 'cloud throttles':
      case 'cloud breaks':
        this.#cloudEnds(event.do, event.at);
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
      case 'rest':
      case 'eject':
      case 'readmit': {
        const worker = pick(this.balancer.pool.workers, event.at);
        if (event.do === 'drain') worker?.drain();
        else if (event.do === 'rest') worker?.rest();
        else if (event.do === 'readmit') worker?.readmit();
        else worker?.eject('it was silent');
        return;
      }
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

  #cloudEnds(how: CloudEnd, at: number): void {
    const held = pick(this.#cloud.held, at);
    if (held === undefined) return;
    if (how === 'cloud throttles') {
      const { hands } = this.#entry(held.call.params)!;
      hands.splice(hands.indexOf('cloud'), 1);
    }
    held.end(CLOUD_ENDS[how]);
  }

  #sent({ params, deadline, spec }: CloudCall): void {
    const entry = this.#entry(params)!;
    assert.equal(this.#cloud.reason, undefined, 'a call was sent to a cloud that takes none');
    assert.ok(spec.offload, `${entry.name} left, and is to stay`);
    assert.notEqual(entry.backend, 'pool', 'a call left that was to stay');
    assert.ok(deadline > performance.now(), `${entry.name} was sent after its deadline`);
    checkRun(entry);
    entry.offloads += 1;
    assert.equal(entry.offloads, 1, `${entry.name} was sent to the cloud twice`);
    entry.hands.push('cloud');
    entry.handed = true;
  }

  #call(name: Name, timeoutMs: number, backend?: Backend): void {
    this.#made += 1;
    const index = this.#made;
    const deadlineAt = performance.now() + timeoutMs;
    const known = { name, backend, deadlineAt, cancelled: false, answersThen: 0, handed: false, hands: [] };
    // It may be sent to the cloud before the call returns. The same object: what is set on it later is what the answer sees.
    const entry = { ...known, offloads: 0, lostOn: undefined } as unknown as Entry;
    this.#byIndex.set(index, entry);
    this.balancer.call(
      name,
      { timeoutMs, params: `[${index}]`, ...(backend !== undefined && { backend }) },
      entry,
    );
  }

  #livingWorkers(): FakeWorker[] {
    return this.balancer.workers.filter((worker) => !worker.gone);
  }

  #entry(params: Params | undefined): Entry | undefined {
    return params === undefined ? undefined : this.#byIndex.get((JSON.parse(textOf(params)) as [number])[0]);
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
    const { name } = entry;
    const worker = this.balancer.pool.workers.find(({ id }) => id === slot.workerId);
    assert.notEqual(worker?.state, 'standby', 'a standby was handed a call');
    assert.notEqual(entry.backend, 'cloud', 'a call ran here that was to run in the cloud');
    assert.ok(remainingMs > 0, `${name} was handed over after its deadline`);
    checkRun(entry);
    if (entry.lostOn !== slot.workerId) return;
    // A slot that came in this very moment may have come after the choice.
    const fresh = this.balancer.slots.filter(({ connectedAt }) => connectedAt === performance.now());
    const others = this.balancer.pool.slots.filter(
      ({ workerId, usable, key }) =>
        workerId !== slot.workerId && usable && !fresh.some((other) => other.key === key),
    );
    assert.deepEqual(others, [], 'the second time is on another worker, if there is one');
  }

  #checkCounts(): void {
    const { total, failed, offloaded } = this.balancer.dispatcher.counts;
    const failures = this.#entries.filter(({ outcomes }) => outcomes[0]?.ok === false).length;
    assert.equal(total - this.#before.total, this.#entries.length);
    assert.equal(failed - this.#before.failed, failures);
    assert.equal(offloaded, this.#cloud.calls.length);
    assert.equal(this.balancer.dispatcher.underWay, 0, 'a call has not ended');
  }

  #check(): void {
    // The dispatcher's own word, since a call on its way to a stuck slot doesn't wait.
    const waiting = this.#entries.filter((entry) => open(entry) && entry.pending.waiting);
    const fresh = waiting.filter((entry) => !entry.handed && entry.pending.attempts === 0);
    assert.ok(fresh.length <= QUEUE_CALLS, `${fresh.length} calls wait in a queue for ${QUEUE_CALLS}`);
    for (const entry of this.#entries) checkEntry(entry);
    const unended = this.balancer.dispatcher.underWay;
    assert.ok(unended >= this.#cloud.held.length, 'a call has ended, and is still in the cloud');
    // A worker that was ejected keeps its calls, but its slots have left the pool.
    const slots = this.balancer.pool.workers.flatMap((worker) => worker.slots);
    const leased = slots.reduce((sum, slot) => sum + slot.occupied, 0);
    assert.ok(Math.abs(this.balancer.pool.busySlots - leased) < 1e-6, 'busy slots are miscounted');
    for (const slot of this.balancer.slots) {
      const names = slot.calls.map((frame) => this.#entry(frame.params)!.name);
      checkSlot(slot, names, this.balancer.pool.workers);
    }
    for (const slot of this.balancer.pool.slots) {
      const kinds = waiting.map(({ name }) => concurrencyOf(name));
      assert.ok([0, ...kinds].includes(slot.reservedFor), 'a slot is held back for nobody');
      for (const { name, lostOn } of waiting) {
        const kept = lostOn === slot.workerId && this.balancer.pool.hasOther(lostOn); // else it goes back there
        assert.ok(kept || slot.room(concurrencyOf(name)) === 0, `${name} waits though a slot has room`);
      }
    }
  }
}
