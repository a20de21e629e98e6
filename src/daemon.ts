/** The daemon: environment in, signals in, exit code out. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { LogLines } from './admin/call-log.ts';
import type { RestartRefusal } from './admin/operations.ts';
import type { App, build } from './app.ts';
import { ConfigFault, parseConfig, type Config } from './config.ts';
import { FunctionEnvFault } from './functions/env.ts';
import { FunctionsFault } from './functions/fault.ts';
import { limitHeap } from './heap.ts';
import { createLogger, type Logger } from './log.ts';
import { messageOf } from './message-of.ts';
import type { Restarts } from './operations.ts';
import { take } from './handover.ts';
import { recall } from './last-build.ts';
import { prepare, type Prepared } from './preparation.ts';
import { rehearse, serveParent, type Verdict } from './rehearsal.ts';
import { readOrigin, RestartRefused, Successor, type Origin } from './restart.ts';
import { PoolTaken } from './scaling/pool-taken.ts';
import { StateFault } from './state.ts';
import { runningBy } from './takeover.ts';

/** sysexits.h: the command was used wrongly. */
const EX_USAGE = 64;
/** npm and a terminal both pass a Ctrl-C on, so what comes this soon after the first signal is the same one, in milliseconds. */
const SAME_SIGNAL_MS = 1000;

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const NOT_NOW = 'no restart now: it is starting, restarting or stopping';

/** Ends the process. */
export type Exit = (code: number) => never;

/** Runs the daemon until a signal ends it, or until it can't start. `args` are those after the entry's name. */
export async function daemon(env: NodeJS.ProcessEnv, args: readonly string[], exit: Exit): Promise<void> {
  const origin = readOrigin(args);
  let config;
  try {
    config = parseConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    if (origin.rehearse) {
      const refused = `the settings can't be used: ${error.faults.join('; ')}`;
      serveParent({ refused }, () => exit(EX_USAGE));
      return;
    }
    process.stderr.write(
      `spillway: the settings can't be used:\n${error.faults.map((fault) => `  ${fault}\n`).join('')}`,
    );
    exit(EX_USAGE);
  }
  limitHeap();
  if (origin.rehearse) {
    await onTrial(config, origin, exit);
    return;
  }
  const prepared = prepareFor(config, origin);
  // The start awaits it, but perhaps only after it has failed.
  prepared.catch(() => undefined);
  const app = await import('./app.ts');
  await new Daemon(config, exit, app.build, prepared).run(origin);
}

/** Begun before most of the program is loaded, since another process does the work. */
async function prepareFor({ stateDir, functionsDir }: Config, { handover }: Origin): Promise<Prepared> {
  const taken = handover === undefined ? undefined : take(stateDir, handover, functionsDir);
  return taken ?? recall(stateDir, functionsDir) ?? (await prepare(functionsDir));
}

/** The start on trial, in a process of its own. */
async function onTrial(config: Config, origin: Origin, exit: Exit): Promise<void> {
  const silent = createLogger('silent', { terminal: false });
  // A Ctrl-C is for the balancer, which ends this process.
  for (const signal of ['SIGINT', 'SIGUSR2'] as const) process.on(signal, () => undefined);
  const app = await import('./app.ts');
  const trial = rehearse(config, origin.running ?? runningBy(config), silent, (tried, prepared) =>
    app.build(tried, silent, new LogLines(), readVersion(), { prepared: Promise.resolve(prepared) }),
  );
  const verdict = await trial.then(
    (ready): Verdict => ready,
    (error: unknown): Verdict => ({ refused: messageOf(error) }),
  );
  serveParent(verdict, () => exit(0));
}

/** The balancer's life in this process: from the start to a signal's stop, or to the next version. */
class Daemon {
  readonly #config: Config;
  readonly #exit: Exit;
  readonly #log: Logger;
  readonly #lines = new LogLines();
  readonly #builder: typeof build;
  #app: App;
  /** performance.now() of the first signal to stop. */
  #stopAt: number | undefined;
  #ready = false;
  #restarting = false;
  /** From here on a restart can't be broken off; a signal waits until it is over. */
  #leaving = false;
  #late: NodeJS.Signals | undefined;
  #refused: RestartRefusal | undefined;

  constructor(config: Config, exit: Exit, builder: typeof build, prepared: Promise<Prepared>) {
    this.#config = config;
    this.#exit = exit;
    this.#builder = builder;
    this.#log = createLogger(config.logLevel, { terminal: process.stdout.isTTY, tap: this.#lines.take });
    this.#app = this.#build(prepared);
  }

  #build(prepared?: Promise<Prepared>): App {
    const refused = (): RestartRefusal | undefined => this.#refused;
    const restarts: Restarts = {
      begin: () => {
        if (!this.#mayRestart()) throw new Error(NOT_NOW);
        void this.#restart();
      },
      get refused() {
        return refused();
      },
    };
    return this.#builder(this.#config, this.#log, this.#lines, readVersion(), { restarts, prepared });
  }

  async run({ socket, signal }: Origin): Promise<void> {
    this.#onSignals();
    const fits = socket?.asked === runningBy(this.#config).clients;
    if (socket !== undefined && !fits) {
      // The address was changed; standard input becomes what a daemon's should be.
      closeSync(socket.fd);
      openSync('/dev/null', 'r');
    }
    try {
      await this.#start(fits ? socket?.fd : undefined);
    } catch (error) {
      const known =
        error instanceof FunctionsFault ||
        error instanceof FunctionEnvFault ||
        error instanceof StateFault ||
        error instanceof PoolTaken;
      if (known) this.#log.fatal(error.message);
      if (this.#stopAt !== undefined) return; // the signal's own stop ends the process
      if (known) this.#exit(EX_USAGE);
      this.#log.fatal({ err: error }, `the start failed: ${messageOf(error)}`);
      this.#exit(1);
    }
    if (signal !== undefined) this.#signalled(signal);
  }

  async #start(inherited?: number): Promise<void> {
    const { host, port, functions, admin } = await this.#app.start(inherited);
    this.#ready = true;
    // Node writes it at an orderly end only, and the start after a crash is the one that should be quick.
    flushCompileCache();
    const [url, adminUrl] = [urlOf(host, port), urlOf(admin.host, admin.port)];
    this.#log.info({ url, adminUrl }, `ready: ${functions.join(', ')}`);
    if (process.stdout.isTTY && inherited === undefined) {
      process.stdout.write(invitation(url, functions, this.#config.apiKeys.length > 0));
      // Only where a person reads it: the token must not get into a log.
      process.stdout.write(`  See it:\n\n  ${adminUrl}/#token=${encodeURIComponent(admin.token)}\n\n`);
    }
  }

  #onSignals(): void {
    // SIGHUP comes when the terminal is closed: the workers must not outlive that.
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => this.#signalled(signal));
    }
    process.removeAllListeners('SIGUSR2').on('SIGUSR2', () => void this.#restart());
  }

  /** Drains on the first signal, ends at once on a later one. */
  #signalled(signal: NodeJS.Signals): void {
    if (this.#leaving) {
      this.#late = signal;
    } else if (this.#stopAt === undefined) {
      this.#stopAt = performance.now();
      void this.#stop(signal);
    } else if (performance.now() - this.#stopAt > SAME_SIGNAL_MS) {
      this.#log.warn(
        `${signal} again: ending at once; the next start takes the workers over or removes them`,
      );
      this.#exit(1);
    }
  }

  async #stop(signal: string): Promise<void> {
    this.#log.info(`${signal}: draining`);
    try {
      await this.#app.drain();
      await this.#app.stop();
    } catch (error) {
      this.#log.fatal({ err: error }, 'the stop failed; the next start removes what is left');
      this.#exit(1);
    }
    this.#log.info('stopped');
    this.#exit(0);
  }

  /** Becomes the new version, if that can start; says so if not, and goes on. */
  async #restart(): Promise<void> {
    if (!this.#mayRestart()) {
      this.#log.warn(NOT_NOW);
      return;
    }
    this.#restarting = true;
    this.#log.info('restart: trying whether the new version starts');
    let successor: Successor | undefined;
    try {
      successor = await Successor.rehearse(runningBy(this.#config));
      const server = this.#app.server();
      if (server === undefined || this.#isStopping()) throw new RestartRefused('the balancer is stopping');
      await successor.hold(server);
      await this.#handOver(successor);
    } catch (error) {
      await successor?.dismiss();
      const reason = messageOf(error);
      this.#refused = { at: Date.now(), reason };
      if (this.#leaving) await this.#comeBack(reason);
      else if (this.#isStopping()) this.#log.info(`restart given up: ${reason}`);
      else this.#log.error(`restart refused, this version goes on: ${reason}`);
    }
    this.#restarting = false;
  }

  async #handOver(successor: Successor): Promise<void> {
    this.#log.info('restart: finishing what clients have asked for');
    await this.#app.retire();
    // A signal during the wait has begun a stop of its own.
    if (this.#isStopping()) throw new RestartRefused('the balancer is stopping');
    this.#leaving = true;
    await this.#app.leave(successor.findsWorkers);
    await successor.giveBack();
    successor.become(this.#late);
  }

  #mayRestart(): boolean {
    return this.#ready && !this.#restarting && !this.#isStopping();
  }

  #isStopping(): boolean {
    return this.#stopAt !== undefined;
  }

  /** The restart failed after everything was let go: starts again as what it was. */
  async #comeBack(reason: string): Promise<void> {
    this.#log.error(`restart failed, this version comes back: ${reason}`);
    this.#app = this.#build();
    try {
      await this.#start();
    } catch (error) {
      this.#log.fatal({ err: error }, `it could not come back: ${messageOf(error)}`);
      this.#exit(1);
    }
    this.#leaving = false;
    if (this.#late !== undefined) this.#signalled(this.#late);
  }
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** What a newcomer can paste. */
function invitation(url: string, functions: readonly string[], keyed: boolean): string {
  const call = functions.includes('fibonacci')
    ? '"method":"fibonacci","params":[20]'
    : '"method":"rpc.discover"';
  const key = keyed ? " -H 'x-api-key: KEY'" : '';
  return `\n  Try it:\n\n  curl ${url} -H 'content-type: application/json'${key} -d '{"jsonrpc":"2.0","id":1,${call}}'\n\n`;
}
