/**
 * A copy of the function, for a calibration: the same code, role and variables, published once for each size of memory.
 * The function that calls go to is never touched, and one removal takes the copy with its versions and aliases away.
 */
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  PublishVersionCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import type { AwsClients } from './clients.ts';
import type { AwsOptions, Desired, Names } from './desired.ts';
import { CloudFault, faultOf, isError } from './faults.ts';
import { creationOf } from './function-input.ts';
import { observeFunction, observeTwin, unlessMissing } from './observe-function.ts';
import {
  ACTIVE_PATIENCE_S,
  CONFLICT_PATIENCE_MS,
  ROLE_PATIENCE_MS,
  isBusy,
  retrying,
  roleIsUnknown,
} from './patience.ts';
import { pause } from '../pause.ts';

/** What making the copy takes. */
export interface TwinWork {
  readonly clients: AwsClients;
  readonly desired: Desired;
  /** Ends waits, and requests that the removal undoes. */
  readonly signal: AbortSignal;
}

/** What removing it takes. */
export interface TwinRemoval {
  readonly clients: AwsClients;
  readonly desired: { readonly names: Names; readonly options: Pick<AwsOptions, 'pool'> };
  readonly signal: AbortSignal;
}

/** One size of the copy: the alias to invoke, or why AWS doesn't have that size. */
export type TwinSize = { readonly alias: string } | { readonly refused: string };

/** How long a removed function may still be seen, in milliseconds. */
const GONE_PATIENCE_MS = 10_000;
const LOOK_MS = 1000;

/** Makes the copy, with the memory that the function has. @throws CloudFault */
export async function createTwin({ clients, desired, signal }: TwinWork): Promise<void> {
  const { names, options } = desired;
  try {
    const fn = await observeFunction({ clients, pool: options.pool, names, signal });
    if (fn?.roleArn === undefined) {
      throw new CloudFault('failing', `the function ${names.base} isn't there; a deployment makes it`);
    }
    await removeTwin({ clients, desired, signal });
    const command = new CreateFunctionCommand({
      FunctionName: names.twin,
      Description: `A calibration of the pool ${options.pool}; may be removed`,
      ...creationOf(desired, fn.roleArn),
      // Into the log that is there: Lambda would make another, and leave it.
      LoggingConfig: { LogFormat: 'Text', LogGroup: names.logGroup },
    });
    // Without the signal: a request that was cut off may still make the function, after its removal.
    await retrying(ROLE_PATIENCE_MS, roleIsUnknown, signal, () => clients.lambda.send(command));
    const waiter = { client: clients.lambda, maxWaitTime: ACTIVE_PATIENCE_S, abortSignal: signal };
    await waitUntilFunctionActiveV2(waiter, { FunctionName: names.twin });
  } catch (thrown) {
    throw faultOf(thrown, 'make a copy of the function');
  }
}

/** Publishes the copy with a size of memory. @throws CloudFault */
export async function publishTwin(work: TwinWork, memoryMb: number): Promise<TwinSize> {
  const { clients, desired, signal } = work;
  const FunctionName = desired.names.twin;
  const options = { abortSignal: signal };
  const send = <T>(request: () => Promise<T>): Promise<T> =>
    retrying(CONFLICT_PATIENCE_MS, isBusy, signal, request);
  try {
    const resize = new UpdateFunctionConfigurationCommand({ FunctionName, MemorySize: memoryMb });
    await send(() => clients.lambda.send(resize, options));
    const waiter = { client: clients.lambda, maxWaitTime: ACTIVE_PATIENCE_S, abortSignal: signal };
    await waitUntilFunctionUpdatedV2(waiter, { FunctionName });
    const publish = new PublishVersionCommand({ FunctionName });
    const { Version } = await send(() => clients.lambda.send(publish, options));
    if (Version === undefined) throw new Error('AWS named no version');
    await waitUntilFunctionActiveV2(waiter, { FunctionName, Qualifier: Version });
    const alias = `mb-${memoryMb}`;
    const name = new CreateAliasCommand({ FunctionName, Name: alias, FunctionVersion: Version });
    await send(() => clients.lambda.send(name, options));
    return { alias };
  } catch (thrown) {
    // Accounts differ in how much memory a function may have.
    if (isError(thrown, 'InvalidParameterValueException', 'ValidationException')) {
      return { refused: `AWS doesn't take it: ${(thrown as Error).message.split('\n', 1)[0]}` };
    }
    throw faultOf(thrown, `publish the copy with ${memoryMb} MB`);
  }
}

/** Removes the copy with its versions and aliases, if it is there and ours, and looks that it is gone. @throws CloudFault */
export async function removeTwin({ clients, desired, signal }: TwinRemoval): Promise<void> {
  const { names, options } = desired;
  const isThere = (): Promise<boolean> => observeTwin({ clients, pool: options.pool, names, signal });
  try {
    if (!(await isThere())) return;
    const remove = new DeleteFunctionCommand({ FunctionName: names.twin });
    await retrying(CONFLICT_PATIENCE_MS, isBusy, signal, () =>
      clients.lambda.send(remove, { abortSignal: signal }).catch(unlessMissing('ResourceNotFoundException')),
    );
    const startedAt = performance.now();
    while (await isThere()) {
      if (performance.now() - startedAt >= GONE_PATIENCE_MS) throw new Error('it is still there');
      await pause(LOOK_MS, signal);
    }
  } catch (thrown) {
    throw faultOf(thrown, `remove the function ${names.twin}; the next deployment tries again`);
  }
}
