/** What the JSON in the frames says, checked on the balancer's side: a worker runs user code and may say anything. */
import type { ZodType, infer as Inferred } from 'zod';
import { z } from '../zod.ts';

/** Largest payload taken from a connection that hasn't said who it is, in bytes. */
export const HELLO_MAX_BYTES = 4096;
/** Largest payload taken on a control connection, in bytes; the manifest is the largest thing said there. */
export const CONTROL_MAX_BYTES = 4 * 1024 * 1024;

const shortText = z.string().min(1).max(200);

const hello = z.object({
  protocol: z.int(),
  worker: shortText,
  token: shortText,
  slots: z.int().min(1).max(1024),
  /** The hash of the bundle it has loaded, if any. */
  bundle: shortText.nullable(),
  /** Keys of the slot processes it has. */
  slotKeys: z.array(shortText).max(1024),
});

const dataHello = z.object({
  worker: shortText,
  key: shortText,
  /** Calls of an earlier connection that still run in it. */
  running: z.int().min(0),
  /** The longest time one of them may still take, in milliseconds. */
  remainingMs: z.number().min(0),
});

/** A slot process started or ended. */
const slotNotice = z.object({ key: shortText, reason: z.string().max(4000).optional() });

/** The most that is read of a printed line, in characters. */
const PRINTED_CHARACTERS = 2000;

/** A line that a function printed. */
const printed = z.object({
  text: z.string().transform((text) => text.slice(0, PRINTED_CHARACTERS)),
  stream: z.enum(['stdout', 'stderr']),
  /** The call and its function, where it is known which of those in the slot it was. */
  callId: z.string().max(20).optional(),
  function: z.string().max(128).optional(),
  /** So many lines before it were left out: they were too many. */
  leftOut: z.int().optional(),
});

const failure = z.object({
  kind: z.enum(['FunctionError', 'InvalidParams', 'MethodNotFound', 'TooLarge']),
  message: z.string(),
  name: z.string().optional(),
  code: z.number().optional(),
  data: z.unknown().optional(),
});

/** First words of a worker's control process. */
export type Hello = Inferred<typeof hello>;
/** First words of a slot on a data connection. */
export type DataHello = Inferred<typeof dataHello>;
/** A line that a function printed. */
export type Printed = Inferred<typeof printed>;
/** How a call failed inside a worker. */
export type Failure = Inferred<typeof failure>;

/** What goes before the code in a LOAD frame. */
export interface LoadOrder {
  readonly hash: string;
  /** The variables of SPILLWAY_FUNCTION_ENV. */
  readonly env: Readonly<Record<string, string>>;
  /** A longer result is TooLarge, in bytes. */
  readonly maxResultBytes: number;
}

function reader<T>(schema: ZodType<T>): (payload: Buffer) => T | undefined {
  return (payload) => {
    try {
      const parsed = schema.safeParse(JSON.parse(payload.toString('utf8')));
      return parsed.success ? parsed.data : undefined;
    } catch {
      return undefined; // not JSON: as wrong as JSON of another shape
    }
  };
}

/** Each reads a payload, or gives undefined for anything malformed. */
export const readHello = reader(hello);
export const readDataHello = reader(dataHello);
export const readSlotNotice = reader(slotNotice);
export const readPrinted = reader(printed);
export const readFailure = reader(failure);
