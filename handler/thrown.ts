/**
 * Turns whatever a function threw into what the client may see. A function may throw anything: null, a Proxy whose
 * every trap throws, an error whose data is circular. Reading it must never throw again.
 */
import { isFunctionCode } from '../src/errors.ts';

/** How a call failed inside the worker. No stack, path or address of the host is in it. */
export interface InvokeFailure {
  readonly ok: false;
  readonly kind: 'FunctionError' | 'InvalidParams' | 'MethodNotFound';
  readonly message: string;
  /** The thrown error's name; only with FunctionError. */
  readonly name?: string;
  /** The error's own code, where a function may give one (isFunctionCode). */
  readonly code?: number;
  /** JSON-compatible: zod's issues with InvalidParams, else the error's own data, kept only together with its code. */
  readonly data?: unknown;
}

/** In characters. An error message longer than this is a dump, and would crowd out the rest of a batch's answers. */
const MAX_MESSAGE = 8_192;
/** In characters: enough for any class name. */
const MAX_NAME = 128;

/** What a client sees of a thrown value. Never throws. */
export function functionFailure(thrown: unknown): InvokeFailure {
  if (!isObject(thrown)) {
    const message = typeof thrown === 'string' ? clean(thrown) : `The function threw ${String(thrown)}`;
    return { ok: false, kind: 'FunctionError', message, name: 'Error' };
  }
  const ownName = read(thrown, 'name');
  const name = typeof ownName === 'string' && ownName !== '' ? ownName.slice(0, MAX_NAME) : 'Error';
  const failure = { ok: false, kind: 'FunctionError', message: messageOf(thrown, name), name } as const;
  const code = read(thrown, 'code');
  if (typeof code !== 'number' || !isFunctionCode(code)) return failure;
  const data = jsonCopy(read(thrown, 'data'));
  return data === undefined ? { ...failure, code } : { ...failure, code, data };
}

/** A copy holding only what JSON can hold; undefined where there is none (circular, a function). Never throws. */
export function jsonCopy(value: unknown): unknown {
  try {
    const replacer = (_key: string, part: unknown) => (typeof part === 'bigint' ? part.toString() : part);
    const text = JSON.stringify(value, replacer) as string | undefined;
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** True for everything that can have properties. */
export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function messageOf(thrown: object, name: string): string {
  const code = read(thrown, 'code');
  const syscall = read(thrown, 'syscall');
  // Node's system errors carry paths and addresses of the host in their message ("connect ECONNREFUSED 10.0.0.5:5432").
  if (typeof code === 'string' && typeof syscall === 'string') {
    return clean(`${/^\w*/.exec(syscall)?.[0] ?? 'system call'} failed: ${code}`);
  }
  const message = read(thrown, 'message');
  if (typeof message !== 'string') return `The function threw ${name} without a message`;
  if (message === '') return name;
  // A string code marks an error of Node's own, which may quote a path ("Cannot find module '/app/x'").
  return clean(
    typeof code === 'string' ? message.replace(/(['"`])(?:file:\/\/)?\/[^'"`\n]*\1/g, '(a path)') : message,
  );
}

/** Cuts stack lines (some code puts a stack into the message) and what is too long. */
function clean(message: string): string {
  const short = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message;
  const stack = /\n(?:Require stack:|\s+at )/.exec(short);
  return stack === null ? short : short.slice(0, stack.index);
}

function read(of: object, key: string): unknown {
  try {
    return (of as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
