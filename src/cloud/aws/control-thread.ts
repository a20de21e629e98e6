/**
 * The thread in which the control plane lives: loading the SDK stops an event loop for half a second, and keeping it
 * takes 60 MB. Started by control-client.ts only, which ends it when it has been idle.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { DirectControl, type ControlPlane, type ControlSettings } from './control.ts';
import { faultOf, type CloudFault } from './faults.ts';

/** What can be asked of the thread. */
export type Verb = Exclude<keyof ControlPlane, 'close'>;

/** A question; its arguments are those of the verb's method. */
export interface ControlRequest {
  readonly id: number;
  readonly verb: Verb;
  readonly given: readonly unknown[];
}

/** A fault, as it crosses threads. */
export interface PlainFault {
  readonly reason: ConstructorParameters<typeof CloudFault>[0];
  readonly message: string;
  readonly noCredentials: boolean;
}

/** What the thread says: an answer to a question, or a line for the log. */
export type ControlReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly fault: PlainFault }
  | { readonly level: 'info' | 'warn'; readonly message: string; readonly fields: object };

const port = parentPort;
if (port === null) throw new Error('control-thread.ts is a thread of control-client.ts');

function reply(message: ControlReply): void {
  port?.postMessage(message);
}

const control = new DirectControl(workerData as ControlSettings, (level, message, fields) => {
  reply({ level, message, fields });
});

/** Each verb's method, with the arguments that control-client.ts gave. */
function ask({ verb, given }: ControlRequest): Promise<unknown> {
  const methods = control as unknown as Record<Verb, (...args: readonly unknown[]) => Promise<unknown>>;
  return methods[verb](...given);
}

async function answer(request: ControlRequest): Promise<void> {
  const { id, verb } = request;
  try {
    reply({ id, value: await ask(request) });
  } catch (thrown) {
    const { reason, message, noCredentials } = faultOf(thrown, verb);
    reply({ id, fault: { reason, message, noCredentials } });
  }
}

port.on('message', (request: ControlRequest) => void answer(request));
