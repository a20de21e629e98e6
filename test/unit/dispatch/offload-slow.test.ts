/** Calls that run too long here, and are started in the cloud too. */
import { describe, expect, it } from 'vitest';
import { errorOf, fate } from '../../fakes/balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';
import { BROKEN, OK, OffloadRig } from './offload-rig.ts';

describe('localTimeoutMs', () => {
  const rig = new OffloadRig();

  it('starts the call in the cloud too; the cloud’s answer frees the slot', () => {
    rig.start();
    const made = rig.call('hasty');
    pass(190);
    expect(rig.sent).toBe(0);
    pass(30);
    expect(rig.sent).toBe(1);
    rig.cloudEnds(OK);
    expect(fate(made)).toBe('ok "cloud"');
    expect(rig.balancer.events.at(-1)).toMatch(/^slot of w1/);
    expect(rig.underWay).toBe(0);
  });

  it('the pool’s answer may come first; the cloud’s is waited for, and thrown away', () => {
    rig.start();
    const made = rig.call('hasty');
    pass(220);
    rig.answer();
    expect([fate(made), rig.underWay]).toEqual(['ok "pool"', 1]);
    rig.cloudEnds(OK);
    expect(rig.underWay).toBe(0);
  });

  it('counts from the start of a call that has waited', () => {
    rig.start();
    rig.call('home');
    const made = rig.call('hasty');
    rig.cloud.degrade('throttled');
    pass(400);
    rig.answer();
    rig.cloud.degrade(undefined);
    pass(190);
    expect(rig.sent).toBe(0);
    pass(30);
    rig.cloudEnds(OK);
    expect(fate(made)).toBe('ok "cloud"');
  });

  it('waits for the other place if one fails', () => {
    rig.start();
    const first = rig.call('hasty');
    pass(220);
    rig.cloudEnds(BROKEN);
    rig.answer();
    expect(fate(first)).toBe('ok "pool"');
    const second = rig.call('hasty');
    pass(220);
    rig.slotDies();
    expect(fate(second)).toBe('');
    rig.cloudEnds(OK);
    expect(fate(second)).toBe('ok "cloud"');
  });

  it('fails a call that both places failed', () => {
    rig.start();
    const made = rig.call('hasty');
    pass(220);
    rig.slotDies();
    rig.cloudEnds(BROKEN);
    expect(errorOf(made)).toMatchObject({ name: 'CloudFailed', data: { mayHaveRun: true } });
  });

  it('lets a slot that is shared go on', () => {
    rig.start();
    rig.call('many');
    const made = rig.call('many');
    pass(220);
    rig.cloud.held[1]!.end(OK);
    settle();
    expect([fate(made), rig.slot.aborted.size, rig.slot.calls.length]).toEqual(['ok "cloud"', 0, 2]);
  });

  it('is nothing for a call that may not run twice, or whose place was forced', () => {
    rig.start();
    rig.call('hastyOnce');
    pass(500);
    rig.answer();
    rig.call('hasty', { backend: 'pool' });
    pass(500);
    expect(rig.sent).toBe(0);
  });

  it('waits for a cloud that takes calls', () => {
    rig.start();
    rig.cloud.degrade('deploying');
    rig.call('hasty');
    pass(1000);
    rig.cloud.degrade(undefined);
    pass(300);
    expect(rig.sent).toBe(1);
  });
});
