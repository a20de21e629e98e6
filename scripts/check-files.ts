/** House rules about files that no other checker knows: their length and their names. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A file that needs more has more than one reason to change. */
const MAX_LINES = 300;
/** A folder of such a name says nothing of what belongs in it, so everything ends there. */
const VAGUE_FOLDER = /(^|\/)(utils?|common|helpers?|misc|shared|lib)\//;

const root = join(import.meta.dirname, '..');
const files = globSync('{src,worker,handler,scripts,test}/**/*.{ts,js,sh}', {
  cwd: root,
  exclude: ['test/fixtures/**'],
});

const faults = files.sort().flatMap((file) => {
  const lines = readFileSync(join(root, file), 'utf8').trimEnd().split('\n').length;
  return [
    lines > MAX_LINES && `${file}: ${lines} lines; at most ${MAX_LINES}`,
    VAGUE_FOLDER.test(file) && `${file}: name the folder after what is in it`,
    // A user's function may have any name.
    /^index\./.test(basename(file)) &&
      !file.startsWith('handler/functions/') &&
      `${file}: no index files; import the file that has the thing`,
  ].filter((fault) => fault !== false);
});

for (const fault of faults) console.log(fault);
if (faults.length > 0) process.exitCode = 1;
