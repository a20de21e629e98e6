/** Carries out the steps of a plan, one after the other. */
import * as api from './apply-api.ts';
import * as fn from './apply-function.ts';
import { faultOf } from './faults.ts';
import { describeStep, type Step } from './steps.ts';
import { removeTwin } from './twin.ts';
import type { Work } from './work.ts';

/**
 * Carries out the steps; `progress` hears of each when it is done.
 * @throws CloudFault naming the step that failed; those before it stay done, and the next deployment goes on from there.
 */
export async function applySteps(
  steps: readonly Step[],
  work: Work,
  progress: (done: {
    readonly step: string;
    readonly number: number;
    readonly of: number;
    readonly ms: number;
  }) => void,
): Promise<void> {
  for (const [index, step] of steps.entries()) {
    const startedAt = performance.now();
    try {
      await applyStep(step, work);
    } catch (thrown) {
      throw faultOf(thrown, describeStep(step));
    }
    progress({
      step: describeStep(step),
      number: index + 1,
      of: steps.length,
      ms: Math.round(performance.now() - startedAt),
    });
  }
}

async function applyStep(step: Step, work: Work): Promise<void> {
  switch (step.do) {
    case 'create role':
      return fn.createRole(work);
    case 'update role trust':
      return fn.updateRoleTrust(work);
    case 'put role policy':
      return fn.putRolePolicy(work);
    case 'create log group':
      return fn.createLogGroup(work);
    case 'set log retention':
      return fn.setLogRetention(work);
    case 'create function':
      return fn.createFunction(work);
    case 'update function settings':
      return fn.updateFunctionSettings(work);
    case 'update function code':
      return fn.updateFunctionCode(work);
    case 'remove what a calibration left':
      return removeTwin(work);
    case 'tag function':
      return fn.tagFunction(work);
    case 'allow gateway':
      return fn.allowGateway(work, step.replace);
    case 'put alarm':
      return fn.putAlarm(work);
    case 'remove alarm':
      return fn.removeAlarm(work);
    case 'create api':
      return api.createApi(work);
    case 'remove spare api':
      return api.removeApi(work, step.id);
    case 'create resource':
      return api.createResource(work);
    case 'put method':
      return api.putMethod(work, step.replace);
    case 'create deployment':
      return api.createDeployment(work);
    case 'create stage':
      return api.createStage(work);
    case 'point stage at deployment':
      return api.pointStage(work);
    case 'create key':
      return api.createKey(work);
    case 'enable key':
      return api.enableKey(work);
    case 'remove spare key':
      return api.removeKey(work, step.id);
    case 'remove usage plan':
      return api.removeUsagePlan(work, step.id, step.stages);
    case 'create usage plan':
      return api.createUsagePlan(work);
    case 'add key to usage plan':
      return api.addKeyToPlan(work);
  }
}
