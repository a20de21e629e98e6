/**
 * The state folder: who owns this pool, and what must outlive a restart.
 *
 *     lock         held exclusively for the balancer's whole life (an SQLite transaction that is never ended, and
 *                  its lock-journal)
 *     holder.json  who holds the lock, for people; says nothing once the lock is free
 *     pool         the pool's name, made once: containers of an earlier run are found by it
 *     secret       32 random bytes under which workers' tokens are made (0600)
 *     last-build   what the balancer serves, while it runs; for a start after a crash (last-build.ts)
 *     handover     what the rehearsal of a restart has built, for seconds (handover.ts)
 *     admin-token  the admin API's token, unless a setting gives one (0600)
 *     run/         sockets. Its 0711 lets a worker's own user in; the 0700 folder round it keeps other users out
 *
 * Why SQLite: two processes that probe and replace a stale lock file can both win; a lock of the kernel can't be stale.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
} from 'node:fs';
import { renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from './message-of.ts';

/** An open state folder; this process owns the pool until close() or its end. */
export interface State {
  /** Absolute. */
  readonly dir: string;
  /** For sockets; absolute. */
  readonly runDir: string;
  /** The name kept for the pool: eight letters and digits. */
  readonly pool: string;
  /** 32 bytes. */
  readonly workerSecret: Buffer;
  /** Tells this folder's containers from those of another one with the same pool's name: 16 hexadecimal digits. */
  readonly owner: string;
  readonly adminToken: string;
  /** Files that were damaged and made anew, with what that means; for the log. */
  readonly repaired: readonly string[];
  /** Lets the next balancer in. A second call does nothing. */
  close(): void;
}

/** The state folder can't be used; the message is one line that says why and what to do. */
export class StateFault extends Error {
  override readonly name = 'StateFault';
}

/** How long to wait for a holder that is just ending, in milliseconds. */
const LOCK_WAIT_MS = 500;
const SECRET_BYTES = 32;
/** 64 bits: ample against a clash of the few state folders on one machine. */
const OWNER_DIGITS = 16;
const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;
const POOL_NAME = /^[a-z2-7]{8}$/;
const ADMIN_TOKEN = /^[\x21-\x7e]{16,}$/;

/**
 * Makes the folder if it is missing and takes its lock; waits up to half a second for a holder that is ending.
 * @throws StateFault if the folder can't be used or another balancer holds it.
 */
export function openState(path: string): State {
  const dir = resolve(path);
  const runDir = join(dir, 'run');
  attempt(dir, () => {
    makePrivate(dir);
    // The lock's own error would only be that it can't be opened.
    accessSync(dir, constants.W_OK);
  });
  const release = takeLock(dir);
  try {
    return attempt(dir, () => {
      mkdirSync(runDir, { recursive: true });
      chmodSync(runDir, 0o711);
      return { dir, runDir, ...readKept(dir), close: release };
    });
  } catch (error) {
    release();
    throw error;
  }
}

function readKept(dir: string): Pick<State, 'pool' | 'workerSecret' | 'owner' | 'adminToken' | 'repaired'> {
  const repaired: string[] = [];
  const kept = (
    name: string,
    make: () => Buffer,
    valid: (content: Buffer) => boolean,
    loss: string,
  ): Buffer => {
    const file = join(dir, name);
    const found = readIfThere(file);
    if (found !== undefined && valid(found)) {
      chmodSync(file, 0o600);
      return found;
    }
    if (found !== undefined) repaired.push(`${file} was damaged and is made anew: ${loss}`);
    const made = make();
    writeWhole(file, made);
    return made;
  };
  const text = (content: Buffer): string => content.toString().trim();
  const token = kept(
    'admin-token',
    () => Buffer.from(`${randomBytes(SECRET_BYTES).toString('base64url')}\n`),
    (content) => ADMIN_TOKEN.test(text(content)),
    'use the new admin token',
  );
  const workerSecret = kept(
    'secret',
    () => randomBytes(SECRET_BYTES),
    (content) => content.length === SECRET_BYTES,
    'workers of the last run are not taken over',
  );
  return {
    pool: readPool(dir),
    workerSecret,
    owner: ownerOf(workerSecret),
    adminToken: text(token),
    repaired,
  };
}

/** Of the secret, since a worker is only worth something to who can make its token; and it gives nothing of it away. */
function ownerOf(secret: Buffer): string {
  return createHash('sha256').update('owner').update(secret).digest('hex').slice(0, OWNER_DIGITS);
}

/** The owner of a state folder that another process may hold. Of one without a secret nothing can be anyone's: `none`. */
export function peekOwner(path: string): string {
  const secret = readIfThere(join(resolve(path), 'secret'));
  return secret?.length === SECRET_BYTES ? ownerOf(secret) : 'none';
}

/** A damaged pool name isn't made anew: under a new name the containers of the last run would be left behind. */
function readPool(dir: string): string {
  const file = join(dir, 'pool');
  const found = readIfThere(file);
  if (found === undefined) {
    const made = randomName();
    writeWhole(file, Buffer.from(`${made}\n`));
    return made;
  }
  const name = found.toString().trim();
  if (POOL_NAME.test(name)) return name;
  throw new StateFault(
    `${file} is damaged: write the pool's old name into it (the label spillway.pool of its containers), ` +
      'or remove the file and those containers',
  );
}

/** Eight letters and digits that can't be misread: 40 random bits in base32. */
function randomName(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  return Array.from(randomBytes(8), (byte) => alphabet.charAt(byte % alphabet.length)).join('');
}

/** Takes the lock and writes down who has it; returns the release. */
function takeLock(dir: string): () => void {
  const file = join(dir, 'lock');
  const holder = join(dir, 'holder.json');
  let database: DatabaseSync | undefined;
  try {
    // Nothing else in this process may open this file: closing any descriptor of it would drop the lock.
    database = new DatabaseSync(file, { timeout: LOCK_WAIT_MS });
    database.exec('BEGIN EXCLUSIVE');
    const locked = database;
    writeWhole(holder, Buffer.from(`${JSON.stringify(thisProcess())}\n`));
    return () => {
      if (!locked.isOpen) return;
      // First the note, then the lock: the other way round this could remove the next holder's note.
      rmSync(holder, { force: true });
      locked.close();
    };
  } catch (error) {
    if (database?.isOpen === true) database.close();
    throw lockFault(error, dir, file, holder);
  }
}

function lockFault(error: unknown, dir: string, file: string, holder: string): StateFault {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  if (code === SQLITE_BUSY) {
    return new StateFault(
      `another balancer holds the state folder ${dir}: ${describeHolder(holder)}; ` +
        'stop it, or set SPILLWAY_STATE to another folder',
    );
  }
  if (code === SQLITE_NOTADB) {
    return new StateFault(`${file} is not a lock of Spillway: remove it if no balancer is running on ${dir}`);
  }
  return unusable(dir, error);
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
}

function thisProcess(): Holder {
  return { pid: process.pid, host: hostname(), since: new Date().toISOString() };
}

/** @returns what was made first, undefined if it was there */
function makeFolder(dir: string): string | undefined {
  try {
    return mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    // Of a file system that is read-only Node says here that there is no such folder.
    let parent = dirname(dir);
    while (!existsSync(parent)) parent = dirname(parent);
    accessSync(parent, constants.W_OK);
    throw error;
  }
}

/** The holder may be in another container, where its pid means nothing here: so its host is named too. */
function describeHolder(file: string): string {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Holder>;
    const where = host === hostname() ? '' : ` on host ${String(host)}`;
    return `pid ${String(pid)}${where}, since ${String(since)}`;
  } catch {
    return 'it has not yet said which (no holder.json)';
  }
}

/** Makes the folder 0700. One that holds other things and is open to others is refused rather than closed to them. */
function makePrivate(dir: string): void {
  const made = makeFolder(dir);
  const stat = statSync(dir);
  if (!stat.isDirectory()) throw new StateFault(`the state folder ${dir} is not a folder`);
  if (made === undefined && (stat.mode & 0o077) === 0) return;
  const others = readdirSync(dir).filter((name) => name !== 'run' && name !== 'lost+found');
  if (others.length > 0 && !others.includes('lock')) {
    throw new StateFault(
      `the state folder ${dir} holds other files and is open to other users: ` +
        'set SPILLWAY_STATE to a folder of its own, or take the others’ rights away with chmod 700',
    );
  }
  chmodSync(dir, 0o700);
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a private file so that a crash leaves either the old content or the new, never half of it. */
function writeWhole(file: string, content: Buffer): void {
  const draft = `${file}.${process.pid}.new`;
  const descriptor = openSync(draft, 'w', 0o600);
  try {
    writeSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
}

/** Runs what touches the folder, and turns what the system throws into one line for the operator. */
function attempt<T>(dir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof StateFault ? error : unusable(dir, error);
  }
}

function unusable(dir: string, error: unknown): StateFault {
  const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
  const advice = full ? 'make room on its disk' : 'set SPILLWAY_STATE to a folder that this user may write';
  return new StateFault(`the state folder ${dir} can't be used: ${messageOf(error)}; ${advice}`, {
    cause: error,
  });
}
