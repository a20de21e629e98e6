/** A batch on the real dispatcher, over fake workers: what it means for those who call beside it. */
import { beforeEach, expect, it } from 'vitest';
import type { Dispatch } from '../../../src/dispatch/call.ts';
import type { FakeBalancer } from '../../fakes/balancer.ts';
import { FakeDispatch } from '../../fakes/dispatch.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';
import { call, calls, openDesk, type Desk } from '../../support/rpc.ts';

const startBalancer = balancerOnVirtualTime();
let balancer: FakeBalancer;
let desk: Desk;
/** The order in which calls were answered, by their params. */
let answered: string[];

beforeEach(() => {
  answered = [];
  balancer = startBalancer({
    functions: { quick: { idempotent: true }, slow: { idempotent: true } },
    workers: 2,
  });
  balancer.warmUp('quick');
  const manifest = new Map(balancer.specs.map((spec) => [spec.name, spec]));
  const dispatch: Dispatch = (request, answer) => {
    const name = (request.params as string | undefined) ?? 'of a batch';
    return balancer.dispatcher.dispatch(request, (outcome) => {
      answered.push(name);
      answer(outcome);
    });
  };
  const holdsBack = balancer.dispatcher.holdsBack.bind(balancer.dispatcher);
  desk = openDesk(new FakeDispatch(), manifest, {}, { dispatch, holdsBack });
});

/** The slots do what they have, until there is nothing more. */
function work(): void {
  settle();
  while (balancer.slots.some((slot) => slot.calls.length > 0)) {
    for (const slot of balancer.slots) if (slot.calls.length > 0) slot.answer(undefined, '1', 0.03);
    settle();
  }
}

it('short calls of a batch don’t wait for long ones of it, nor beside slots that are idle', () => {
  const occupied = [0, 1].map(() => balancer.call('slow'));
  settle();
  const batch = desk.send(
    `[${[100, 101].map((id) => call(id, 'slow')).join()},${calls(50, 'quick').slice(1)}`,
    {
      timeoutMs: '5000',
    },
  );
  pass(30);
  for (const slot of balancer.slots) slot.answer(undefined, '0', 30);
  settle();
  // One slot has a long call of the batch, the other one has all the others before it.
  expect(occupied.every(({ outcomes }) => outcomes.length === 1)).toBe(true);
  work();
  expect(batch.json).toHaveLength(52);
});

it('a call that comes after several batches waits for what the slots have, not for all of them', () => {
  const batches = Array.from({ length: 4 }, () => desk.send(calls(100, 'quick')));
  const single = desk.send('{"jsonrpc":"2.0","id":1,"method":"quick","params":["single"]}');
  work();
  expect(single.replies).toHaveLength(1);
  for (const { json } of batches) expect(json).toHaveLength(100);
  // Two slots with two milliseconds each, and two calls of every batch in line before it.
  expect(answered.indexOf('["single"]')).toBeLessThanOrEqual(2 * 66 + 4 * 2);
});
