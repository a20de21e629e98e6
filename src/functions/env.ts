/** The file of variables that functions get (SPILLWAY_FUNCTION_ENV). */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { messageOf } from '../message-of.ts';

/** The file can't be used; the message names it, and the line if there is one. */
export class FunctionEnvFault extends Error {
  override readonly name = 'FunctionEnvFault';
}

/**
 * One entry of the file: blank, a comment, or NAME=value, where a quoted value may span lines. parseEnv drops every
 * other line without a word, and a function would miss a variable with nobody told.
 */
const ENTRY =
  /[ \t]*(?:(?:export[ \t]+)?[A-Za-z_]\w*[ \t]*=[ \t]*(?:"[^"]*"|'[^']*'|`[^`]*`|(?!["'`])[^\n]*?))?[ \t\r]*(?:#[^\n]*)?(?:\n|$)/y;

/**
 * Reads the variables that functions get.
 * @throws FunctionEnvFault if the file can't be read, or a line isn't NAME=value. Values are never shown.
 */
export function readFunctionEnv(path: string): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const reason = messageOf(error);
    throw new FunctionEnvFault(
      `SPILLWAY_FUNCTION_ENV is ${JSON.stringify(path)}, which can't be read: ${reason}`,
      { cause: error },
    );
  }
  return readLines(path, text);
}

/** An unquoted value with a # in it: parseEnv takes what follows for a comment. */
const CUT_OFF = /^[^=#]*=[ \t]*(?![ \t"'`#])[^\n#]*[^\s#]#/;

/** Each entry by itself: over all of them parseEnv takes the line after an empty value for that value, where a blank stands between. */
function readLines(path: string, text: string): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  let position = 0;
  const refuse = (advice: string): never => {
    const line = text.slice(0, position).split('\n').length;
    throw new FunctionEnvFault(`${path}:${line}: ${advice}`);
  };
  while (position < text.length) {
    ENTRY.lastIndex = position;
    const [entry] =
      ENTRY.exec(text) ?? refuse('use NAME=value, with a closing quote if the value has an opening one');
    if (CUT_OFF.test(entry))
      refuse('put the value in quotes, since it has a # in it; or a blank in front of a comment');
    Object.assign(variables, parseEnv(entry));
    position += entry.length;
  }
  return variables;
}
