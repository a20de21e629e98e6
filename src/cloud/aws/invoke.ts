/** One call of a calibration's copy, straight through Lambda: what was answered, or why nothing was. */
import { InvokeCommand } from '@aws-sdk/client-lambda';
import type { AwsClients } from './clients.ts';
import { faultOf, isError } from './faults.ts';

/** What to call. */
export interface Invocation {
  readonly functionName: string;
  /** Which of its versions. */
  readonly alias: string;
  /** The event, as JSON. */
  readonly event: string;
  /** How long the answer is waited for, in milliseconds. */
  readonly timeoutMs: number;
}

/** How it ended, as plain data. */
export type Invoked =
  | {
      readonly ok: true;
      /** JSON: the handler's answer, or with `crashed` what Lambda says of its end. */
      readonly payload: string;
      /** True if the process ended under the call. */
      readonly crashed: boolean;
      /** The end of what was logged, with Lambda's own account of the call; absent where there is none. */
      readonly log?: string;
    }
  /** `ran` is false only if the function certainly never started; `again`: a little later it may. */
  | { readonly ok: false; readonly ran: boolean; readonly again: boolean; readonly message: string };

/** Calls once, and never again by itself: each call is paid for. */
export async function invoke(
  { invoker }: Pick<AwsClients, 'invoker'>,
  { functionName, alias, event, timeoutMs }: Invocation,
  signal: AbortSignal,
): Promise<Invoked> {
  const command = new InvokeCommand({
    FunctionName: functionName,
    Qualifier: alias,
    LogType: 'Tail',
    Payload: Buffer.from(event),
  });
  try {
    const answer = await invoker.send(command, {
      abortSignal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return {
      ok: true,
      payload: answer.Payload?.transformToString('utf8') ?? '',
      crashed: answer.FunctionError !== undefined,
      ...(answer.LogResult !== undefined && {
        log: Buffer.from(answer.LogResult, 'base64').toString('utf8'),
      }),
    };
  } catch (thrown) {
    // A new version or alias isn't known everywhere at once.
    const again = isError(
      thrown,
      'TooManyRequestsException',
      'ResourceConflictException',
      'ResourceNotFoundException',
      'ResourceNotReadyException',
    );
    const refused = again || isError(thrown, 'AccessDeniedException', 'RequestTooLargeException');
    return { ok: false, ran: !refused, again, message: faultOf(thrown, 'call the copy').message };
  }
}
