/**
 * The folder of the process runtime inside the state folder, which takes the part that labels have in Docker: it holds
 * the worker program by version, a private folder for each worker, and a record by which a later balancer finds it.
 */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CAN_IDENTIFY, environmentOf } from './processes.ts';
import { VERSION_PATTERN, type WorkerProgram } from './program.ts';

/** What is kept of a started worker. */
export interface WorkerRecord {
  readonly id: string;
  readonly pid: number;
  /** Of its program. */
  readonly version: string;
  /** How it was made: two with the same value differ in nothing but their id and token. Missing in records of old. */
  readonly recipe?: string | undefined;
}

/** The paths in the folder, and the records. Writing is synchronous: a record must be there before anything else can happen. */
export class ProcessFolder {
  readonly #root: string;

  /** @throws Error of the file system, if the folder can't be made */
  constructor(root: string) {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    chmodSync(root, 0o700);
    // Workers are known by paths in here, so every balancer has to spell them the same.
    this.#root = realpathSync(root);
    for (const name of ['workers', 'tmp']) mkdirSync(join(root, name), { recursive: true, mode: 0o700 });
  }

  /** The private folder of a worker. */
  tmpOf(id: string): string {
    return join(this.#root, 'tmp', id);
  }

  /** Writes the program and returns the path of its main.js. Programs that no running worker needs are removed. */
  install(program: WorkerProgram): string {
    if (!VERSION_PATTERN.test(program.version))
      throw new Error(`${program.version} is no version of a worker program`);
    const folder = join(this.#root, program.version);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The state folder may lie in a project whose package.json makes every .js file below it an ES module.
    writeWhole(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
    writeWhole(join(folder, 'main.js'), program.main);
    writeWhole(join(folder, 'slot.js'), program.slot);
    const inUse = new Set(
      this.records()
        .filter(isRunning(this))
        .map((record) => record.version),
    );
    for (const name of readdirSync(this.#root)) {
      const old = VERSION_PATTERN.test(name) && name !== program.version && !inUse.has(name);
      if (old) rmSync(join(this.#root, name), { recursive: true, force: true });
    }
    return join(folder, 'main.js');
  }

  /** Makes the private folder of a new worker. */
  makeTmp(id: string): string {
    mkdirSync(this.tmpOf(id), { mode: 0o700 });
    return this.tmpOf(id);
  }

  /** Every record, of running workers and of ended ones that weren't stopped. */
  records(): WorkerRecord[] {
    const names = this.#recordNames().filter((name) => name.endsWith('.json'));
    return names.map((name) => this.#read(name.slice(0, -'.json'.length)));
  }

  /** The record of a worker, if there is one. */
  record(id: string): WorkerRecord | undefined {
    return this.records().find((record) => record.id === id);
  }

  /** None where the folder has been removed under the balancer: then it is rid of its workers' traces as well. */
  #recordNames(): string[] {
    const folder = join(this.#root, 'workers');
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  #read(id: string): WorkerRecord {
    try {
      const record = JSON.parse(readFileSync(this.#recordPath(id), 'utf8')) as WorkerRecord;
      if (record.id === id && Number.isSafeInteger(record.pid) && record.pid > 1) return record;
    } catch {
      // Removed meanwhile, or damaged: then nothing is known of the worker but its id.
    }
    return { id, pid: 0, version: '' };
  }

  /** Records a worker that was just started. */
  write(record: WorkerRecord): void {
    writeWhole(this.#recordPath(record.id), `${JSON.stringify(record)}\n`);
  }

  /** Removes the record and the private folder of a worker. */
  async remove(id: string): Promise<void> {
    const tmp = this.tmpOf(id);
    const options = { recursive: true, force: true, maxRetries: 3 };
    try {
      await rm(tmp, options);
    } catch {
      await openUp(tmp).catch(() => undefined); // the second attempt says what is wrong
      await rm(tmp, options);
    }
    rmSync(this.#recordPath(id), { force: true });
  }

  #recordPath(id: string): string {
    return join(this.#root, 'workers', `${id}.json`);
  }
}

/** A function may have taken the permissions of its own folders away, of which there may be many. */
async function openUp(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await openUp(join(folder, entry.name));
  }
}

/**
 * Tells whether the process of a record runs. On Linux it must have the worker's environment, so that another process
 * that got the same pid is never taken for it; elsewhere there only has to be a process with the pid, which is enough
 * to wait for it to dial in, and not enough to kill it.
 */
export function isRunning(folder: ProcessFolder): (record: WorkerRecord) => boolean {
  return ({ id, pid }) => {
    if (pid === 0) return false;
    return CAN_IDENTIFY ? environmentOf(pid).includes(`SPILLWAY_TMP=${folder.tmpOf(id)}`) : exists(pid);
  };
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists, but is another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** By rename, so that a crash leaves the old file or the new one, and a slot that starts meanwhile reads a whole one. */
function writeWhole(path: string, text: string): void {
  const unfinished = `${path}.new`;
  writeFileSync(unfinished, text, { mode: 0o600 });
  renameSync(unfinished, path);
}
