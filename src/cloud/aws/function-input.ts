/** The function as Lambda's requests have it: the same for the one that calls go to and for a calibration's copy. Pure. */
import type {
  CreateFunctionCommandInput,
  UpdateFunctionConfigurationCommandInput,
} from '@aws-sdk/client-lambda';
import type { Desired } from './desired.ts';

/** What an update may change. */
export function configurationOf(
  desired: Desired,
  roleArn: string,
): Omit<UpdateFunctionConfigurationCommandInput, 'FunctionName'> {
  return {
    Runtime: desired.runtime,
    Handler: desired.handler,
    Role: roleArn,
    MemorySize: desired.options.memoryMb,
    Timeout: desired.timeoutS,
    Environment: { Variables: { ...desired.environment } },
  };
}

/** All of it but names. */
export function creationOf(
  desired: Desired,
  roleArn: string,
): Omit<CreateFunctionCommandInput, 'FunctionName'> {
  return {
    ...configurationOf(desired, roleArn),
    Role: roleArn,
    Architectures: [desired.options.architecture],
    Tags: { ...desired.tags },
    Code: { ZipFile: desired.code.zip },
  };
}
