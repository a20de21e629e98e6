import { describe, expect, it } from 'vitest';
import type { Observed } from '../../../../src/cloud/aws/observe.ts';
import { planSteps } from '../../../../src/cloud/aws/plan.ts';
import { describeStep } from '../../../../src/cloud/aws/steps.ts';
import { NOTHING, reached, target } from './target.ts';

const desired = target();
const there = reached(desired);

function steps(observed: Observed, wanted = desired): string[] {
  return planSteps(wanted, observed).map(({ do: what }) => what);
}

describe('the plan', () => {
  it('makes everything where there is nothing, what is needed first', () => {
    expect(steps(NOTHING)).toEqual([
      'create role',
      'put role policy',
      'create log group',
      'set log retention',
      'create function',
      'create api',
      'create resource',
      'put method',
      'allow gateway',
      'create deployment',
      'create stage',
      'create key',
      'create usage plan',
      'add key to usage plan',
    ]);
  });

  it('is empty where everything is there', () => {
    expect(steps(there)).toEqual([]);
  });

  it('removes what a calibration left, and nothing else', () => {
    expect(steps({ ...there, twin: true })).toEqual(['remove what a calibration left']);
  });

  it('touches no role where one is given, and gives the function that one', () => {
    const given = target({ roleArn: 'arn:aws:iam::123456789012:role/LabRole' });
    expect(steps(NOTHING, given)).not.toContain('create role');
    expect(steps({ ...reached(given), role: undefined }, given)).toEqual([]);
    expect(planSteps(given, there)).toEqual([{ do: 'update function settings', differing: ['role'] }]);
  });

  it('changes the code alone for another bundle', () => {
    expect(steps(there, target({}, 'h2'))).toEqual(['update function code', 'tag function']);
  });

  it.each<[string, Parameters<typeof target>[0], string]>([
    ['memory', { memoryMb: 512 }, 'update function settings: memory'],
    ['environment', { functionEnv: { COLOR: 'blue' } }, 'update function settings: environment'],
    ['architecture', { architecture: 'x86_64' }, 'update function code'],
  ])('follows a changed %s', (_, options, step) => {
    expect(planSteps(target(options), there).map(describeStep)).toContain(step);
  });

  it('follows a changed budget by the usage plan’s quota', () => {
    expect(steps(there, target({ budgetUsd: 2 }))).toEqual([
      'remove usage plan',
      'create usage plan',
      'add key to usage plan',
    ]);
  });

  it.each<[string, Partial<Observed>, string[]]>([
    ['log group', { logGroup: undefined }, ['create log group', 'set log retention']],
    ['retention', { logGroup: { retentionDays: undefined } }, ['set log retention']],
    ['role policy', { role: { ...there.role, logPolicy: undefined } }, ['put role policy']],
    ['trust', { role: { ...there.role, trustPolicy: '{}' } }, ['update role trust']],
    ['function', { fn: undefined }, ['create function', 'allow gateway']],
    ['permission', { fn: { ...there.fn, gatewaySourceArn: undefined } }, ['allow gateway']],
    [
      'stage',
      { api: { ...there.api, stage: undefined } },
      [
        'create deployment',
        'create stage',
        'remove usage plan',
        'create usage plan',
        'add key to usage plan',
      ],
    ],
    [
      'method',
      { api: { ...there.api, method: undefined } },
      ['put method', 'create deployment', 'point stage at deployment'],
    ],
    [
      'resource',
      { api: { ...there.api, resourceId: undefined, method: undefined } },
      ['create resource', 'put method', 'create deployment', 'point stage at deployment'],
    ],
    ['key', { key: undefined }, ['create key', 'add key to usage plan']],
    ['usage plan', { plan: undefined }, ['create usage plan', 'add key to usage plan']],
    ['link of key and plan', { plan: { ...there.plan, keyIds: [] } }, ['add key to usage plan']],
  ])('repairs a lost %s', (_, lost, expected) => {
    expect(steps({ ...there, ...lost })).toEqual(expected);
  });

  it('makes a lost API anew, with all that hung on it', () => {
    expect(planSteps(desired, { ...there, api: undefined })).toEqual([
      { do: 'create api' },
      { do: 'create resource' },
      { do: 'put method', replace: false },
      { do: 'allow gateway', replace: true },
      { do: 'create deployment' },
      { do: 'create stage' },
      { do: 'remove usage plan', id: 'plan1', stages: ['api1:v1'] },
      { do: 'create usage plan' },
      { do: 'add key to usage plan' },
    ]);
  });

  it('puts right what somebody else changed', () => {
    const open = {
      ...there.api,
      method: { ...there.api.method!, apiKeyRequired: false },
    };
    expect(planSteps(desired, { ...there, api: open })).toContainEqual({ do: 'put method', replace: true });
    const other = { ...there.api, stage: { deployed: 'by hand' } };
    expect(steps({ ...there, api: other })).toEqual(['create deployment', 'point stage at deployment']);
    expect(steps({ ...there, key: { id: 'key1', value: 's', enabled: false } })).toEqual(['enable key']);
  });

  it('removes what a lost answer made twice', () => {
    const twice = { ...there, spareApiIds: ['api2'], spareKeyIds: ['key2'], sparePlanIds: ['plan2'] };
    expect(planSteps(desired, twice)).toEqual([
      { do: 'remove spare api', id: 'api2' },
      { do: 'remove spare key', id: 'key2' },
      { do: 'remove usage plan', id: 'plan2', stages: [] },
    ]);
  });

  it('sets the alarm where it is wanted, and takes it away where it no longer is', () => {
    const wanted = target({ publishMetrics: true, costAlarm: true });
    expect(steps(there, wanted)).toEqual(['put alarm']);
    expect(steps({ ...there, alarm: { thresholdUsd: 0.8 } }, wanted)).toEqual([]);
    expect(steps({ ...there, alarm: { thresholdUsd: 0.8 } })).toEqual(['remove alarm']);
  });
});
