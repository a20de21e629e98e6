/** One deployment: look, plan, carry out. */
import { applySteps } from './apply.ts';
import type { AwsClients } from './clients.ts';
import type { ControlLog } from './control-log.ts';
import { callUrl, type Desired } from './desired.ts';
import { CloudFault, faultOf, isError } from './faults.ts';
import { observe, type Observed } from './observe.ts';
import { planSteps } from './plan.ts';
import { describeStep } from './steps.ts';
import { idsOf, needed } from './work.ts';

/** What a deployment works with. */
export interface DeployOrder {
  readonly clients: AwsClients;
  readonly desired: Desired;
  readonly log: ControlLog;
  readonly signal: AbortSignal;
}

/** Where calls go once it is deployed, and what was done for it. */
export interface Deployed {
  readonly url: string;
  readonly apiKey: string;
  readonly steps: readonly string[];
}

/**
 * How often it is planned anew when something is there already that the plan wanted to create: the answer to an
 * earlier try got lost, or somebody else deploys the same pool.
 */
const ROUNDS = 3;
const CONFLICTS = [
  'ConflictException',
  'ResourceConflictException',
  'EntityAlreadyExistsException',
  'ResourceAlreadyExistsException',
];

/** What a deployment would do; reads only. @throws CloudFault */
export async function dryRun(order: DeployOrder): Promise<readonly string[]> {
  return planSteps(order.desired, await look(order)).map(describeStep);
}

/** Makes AWS what it should be. @throws CloudFault; what was done stays, and the next deployment goes on from there. */
export async function deployAws(order: DeployOrder): Promise<Deployed> {
  const { desired, clients, log, signal } = order;
  const done: string[] = [];
  for (let round = 1; ; round++) {
    const observed = await look(order);
    const steps = planSteps(desired, observed);
    const ids = idsOf(desired, observed);
    try {
      await applySteps(steps, { clients, desired, ids, signal }, (progress) => {
        done.push(progress.step);
        const { number, of, step, ms } = progress;
        log('info', `cloud: ${number}/${of} ${step} (${ms} ms)`, progress);
      });
    } catch (thrown) {
      if (round < ROUNDS && isConflict(thrown)) continue;
      throw thrown;
    }
    return {
      url: callUrl(desired.options, desired.names, needed(ids, 'apiId')),
      apiKey: needed(ids, 'keyValue'),
      steps: done,
    };
  }
}

async function look({ clients, desired, signal }: DeployOrder): Promise<Observed> {
  const { options, names } = desired;
  const scope = {
    pool: options.pool,
    names,
    role: options.roleArn === undefined,
    alarm: options.publishMetrics === true,
  };
  try {
    return await observe(clients, scope, signal);
  } catch (thrown) {
    throw faultOf(thrown, 'look at what is deployed');
  }
}

function isConflict(thrown: unknown): boolean {
  return thrown instanceof CloudFault && isError(thrown.cause, ...CONFLICTS);
}
