/** The command lines of scripts. A wrong one is told in a line or two, with the usage, and ends the process with 64. */
import { parseArgs } from 'node:util';
import { messageOf } from '../src/message-of.ts';

/** One option: a switch, a number of at least 0, a whole one of at least 1, one of some words, a list of them with commas, or any text. */
type Option =
  | 'switch'
  | 'number'
  | 'count'
  | 'text'
  | { readonly choice: readonly string[] }
  | { readonly list: readonly string[] };

type Read<O extends Option> = O extends 'switch'
  ? boolean
  : O extends 'number' | 'count'
    ? number | undefined
    : O extends { readonly list: readonly string[] }
      ? string[] | undefined
      : O extends { readonly choice: readonly (infer W)[] }
        ? W | undefined
        : string | undefined;

/** sysexits.h: the command was used wrongly. */
const EX_USAGE = 64;

/**
 * Reads the process's options.
 * @param usage what `--help` shows
 * @returns by name; undefined where an option wasn't given
 */
export function readOptions<const T extends Readonly<Record<string, Option>>>(
  usage: string,
  table: T,
): { readonly [K in keyof T]: Read<T[K]> } {
  const type = (option: Option): 'boolean' | 'string' => (option === 'switch' ? 'boolean' : 'string');
  const options = Object.fromEntries(
    Object.entries({ ...table, help: 'switch' } as Record<string, Option>).map(
      ([name, option]) => [name, { type: type(option) }] as const,
    ),
  );
  let faulty: unknown;
  try {
    const { values } = parseArgs({ options });
    const read = Object.entries(table).map(([name, option]) => [name, valueOf(name, option, values[name])]);
    if (values['help'] !== true) return Object.fromEntries(read) as { readonly [K in keyof T]: Read<T[K]> };
  } catch (error) {
    faulty = error;
  }
  if (faulty === undefined) process.stdout.write(`${usage}\n`);
  else process.stderr.write(`${messageOf(faulty)}\n\n${usage}\n`);
  process.exit(faulty === undefined ? 0 : EX_USAGE);
}

function valueOf(name: string, option: Option, text: unknown): unknown {
  if (option === 'switch') return text === true;
  if (typeof text !== 'string' || option === 'text') return text;
  if (option === 'number') {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
    throw new Error(`--${name} "${text}" is not a number of at least 0`);
  }
  if (option === 'count') {
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    throw new Error(`--${name} "${text}" is not a whole number of at least 1`);
  }
  const known = 'choice' in option ? option.choice : option.list;
  const words = 'choice' in option ? [text] : text.split(',');
  for (const word of words) {
    if (!known.includes(word)) throw new Error(`--${name} "${word}" is none of ${known.join(', ')}`);
  }
  return 'choice' in option ? text : words;
}
