import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Answer } from './opener.ts';

const PROCESSES = 20;
const FRESH_ROUNDS = 8;
const KILLS = 4;

class Opener {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const file = join(import.meta.dirname, 'opener.ts');
    this.child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
    // One that was killed takes no more commands; its end shows in the answer.
    this.child.stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async answer(): Promise<Answer> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`process ${this.child.pid} ended without an answer`);
    return JSON.parse(line.value) as Answer;
  }

  ask(command: string): Promise<Answer> {
    this.child.stdin.write(`${command}\n`);
    return this.answer();
  }

  async kill(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

let parent: string;
let openers: Opener[];

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'spillway-race-'));
  openers = Array.from({ length: PROCESSES }, () => new Opener());
  await Promise.all(openers.map((opener) => opener.answer()));
}, 120_000);

afterAll(async () => {
  await Promise.all(openers.map((opener) => opener.kill()));
  rmSync(parent, { recursive: true, force: true });
});

/** All of them want the folder at the same time. Returns who got it. */
async function race(dir: string): Promise<{ winner: Opener; pool: string; faults: string[] }> {
  const answers = await Promise.all(openers.map((opener) => opener.ask(dir)));
  const winners = openers.filter((_, index) => answers[index]?.held !== undefined);
  expect(winners).toHaveLength(1);
  const pool = answers.find((answer) => answer.held !== undefined)?.held ?? '';
  const faults = answers.map((answer) => answer.fault).filter((fault) => fault !== undefined);
  return { winner: winners[0]!, pool, faults };
}

it(`lets exactly one of ${PROCESSES} processes have a fresh folder, each time`, async () => {
  for (let round = 0; round < FRESH_ROUNDS; round++) {
    const dir = join(parent, 'fresh', String(round));
    const { winner, faults } = await race(dir);
    for (const fault of faults) {
      expect(fault).toMatch(
        new RegExp(`another balancer holds .*(pid ${winner.child.pid}, since|not yet said)`),
      );
    }
    const files = readdirSync(dir).filter((name) => name !== 'lock-journal');
    expect(files.sort()).toEqual(['admin-token', 'holder.json', 'lock', 'pool', 'run', 'secret']);
    await winner.ask('close');
  }
}, 120_000);

it('lets exactly one have it after the holder was killed, under the same name', async () => {
  const dir = join(parent, 'killed');
  const first = await race(dir);
  let holder = first.winner;
  for (let kill = 0; kill < KILLS; kill++) {
    // The others are already waiting for the lock when it is let go.
    openers = openers.filter((opener) => opener !== holder);
    const [next] = await Promise.all([race(dir), holder.kill()]);
    expect(next.pool).toBe(first.pool);
    holder = next.winner;
  }
}, 120_000);
