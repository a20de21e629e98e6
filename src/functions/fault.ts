/** What is wrong with a functions folder, in the words of the one who wrote the functions. */
import { isAbsolute, join, relative, sep } from 'node:path';

/** The functions folder can't be served as it stands. `message` names every fault with its place and what to do. */
export class FunctionsFault extends Error {
  override readonly name = 'FunctionsFault';
  /** Each `file:line: what and what to do`, or without a place if the folder itself is at fault. */
  readonly faults: readonly string[];

  constructor(folder: string, faults: readonly string[]) {
    const unique = [...new Set(faults)];
    super(`The functions in ${folder} can't be served:\n${unique.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = unique;
  }
}

/** How a file is named to the reader. */
export type ShowPath = (file: string) => string;

/**
 * Names files relative to the working directory where they lie in it, those of the folder as the folder was given,
 * others in full.
 * @param realFolder The folder without symbolic links, as esbuild names the files in it.
 */
export function pathShower(folder: string, realFolder: string, cwd = process.cwd()): ShowPath {
  return (file) => {
    const inCwd = relative(cwd, file);
    if (isInside(inCwd)) return inCwd;
    const inFolder = relative(realFolder, file);
    return isInside(inFolder) ? join(folder, inFolder) : file;
  };
}

function isInside(path: string): boolean {
  return path !== '' && path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}
