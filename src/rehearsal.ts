/** The trial start of a new version, before the running one lets go of anything; then the holder of the listening socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from './config.ts';
import { leave, type Handover } from './handover.ts';
import type { Logger } from './log.ts';
import { prepare, type Prepared } from './preparation.ts';
import type { SuccessorOrder, SuccessorWord } from './restart.ts';
import type { WorkerProgram } from './runtime/program.ts';
import { runtimes } from './runtimes.ts';
import { PoolTaken, refuseForeign } from './scaling/pool-taken.ts';
import { peekOwner } from './state.ts';
import { findsWorkers, runningBy, tryTakeover, type Running } from './takeover.ts';

/** As much of a balancer as a trial needs. */
interface Trial {
  start(): Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * Tries whether a start with these settings would succeed: address, engine and image, and a whole start with one worker
 * process, on a port and a state folder of its own.
 * @throws Error with the reason why not
 */
export async function rehearse(
  config: Config,
  running: Running,
  log: Logger,
  build: (config: Config, prepared: Prepared) => Trial,
): Promise<Readiness> {
  await tryTakeover(config, running);
  const prepared = await prepare(config.functionsDir);
  await tryEngine(config, prepared.program, log);
  const stateDir = mkdtempSync(join(tmpdir(), 'spillway-'));
  try {
    const tried: Config = {
      ...config,
      stateDir,
      runtime: 'process',
      workers: 1,
      standbys: 0,
      workerSlots: 1,
      host: '127.0.0.1',
      port: 0,
      adminHost: '127.0.0.1',
      adminPort: 0,
      cloud: 'off',
    };
    const app = build(tried, prepared);
    await app.start();
    await app.stop();
  } finally {
    rmSync(stateDir, { recursive: true, force: true, maxRetries: 10 });
  }
  return {
    handover: leave(config.stateDir, prepared),
    findsWorkers: findsWorkers(runningBy(config), running),
  };
}

/** What follows from a trial that went well. */
interface Readiness {
  /** Where it left what it has built, for the start that follows. */
  readonly handover: Handover | undefined;
  /** Whether that start will find the workers of the running version. */
  readonly findsWorkers: boolean;
}

/** How the trial went, or why there can be no start. */
export type Verdict = Readiness | { readonly refused: string };

/** Says how the trial went, then holds the listening socket until it is asked for. The process ends with its parent. */
export function serveParent(verdict: Verdict, end: () => void): void {
  const say = (word: SuccessorWord, handle?: unknown, done?: () => void): void => {
    process.send?.(word, handle as undefined, {}, done);
  };
  if ('refused' in verdict) {
    say(verdict, undefined, end);
    return;
  }
  let held: { close(): void } | undefined;
  process.on('disconnect', end);
  process.on('message', (order: SuccessorOrder, handle: unknown) => {
    if (order === 'hold') {
      held = handle as { close(): void };
      say({ word: 'held' });
    } else {
      say({ word: 'given' }, held, end);
    }
  });
  say({ word: 'ready', ...verdict });
}

async function tryEngine(config: Config, program: WorkerProgram, log: Logger): Promise<void> {
  // In auto, processes can serve whatever the engine says; but not beside another balancer of the same pool, which there can
  // only be where the pool's name was set.
  if (config.runtime === 'process' || (config.runtime === 'auto' && config.pool === undefined)) return;
  const dir = resolve(config.stateDir);
  const state = { dir, runDir: join(dir, 'run'), pool: 'rehearsal', owner: peekOwner(dir) };
  const settings = { ...config, runtime: 'docker' as const };
  for (const runtime of runtimes(settings, state, program, log, () => undefined)) {
    try {
      const launcher = await runtime.open();
      try {
        // The settings may name another pool or state folder than the running version's.
        refuseForeign(await launcher.list());
      } finally {
        await launcher.close();
      }
    } catch (error) {
      if (config.runtime === 'docker' || error instanceof PoolTaken) throw error;
    }
  }
}
