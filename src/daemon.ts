/** The daemon: environment in, signals in, exit code out. */
import { readFileSync } from 'node:fs';
import { LogLines } from './admin/call-log.ts';
import { build, type App } from './app.ts';
import { ConfigFault, parseConfig } from './config.ts';
import { FunctionEnvFault } from './functions/env.ts';
import { FunctionsFault } from './functions/fault.ts';
import { limitHeap } from './heap.ts';
import { createLogger, type Logger } from './log.ts';
import { StateFault } from './state.ts';

/** sysexits.h: the command was used wrongly. */
const EX_USAGE = 64;
/** npm and a terminal both pass a Ctrl-C on, so what comes this soon after the first signal is the same one, in milliseconds. */
const SAME_SIGNAL_MS = 1000;

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Ends the process. */
export type Exit = (code: number) => never;

/** Runs the daemon until a signal ends it, or until it can't start. */
export async function daemon(env: NodeJS.ProcessEnv, exit: Exit): Promise<void> {
  let config;
  try {
    config = parseConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    process.stderr.write(
      `spillway: the settings can't be used:\n${error.faults.map((fault) => `  ${fault}\n`).join('')}`,
    );
    exit(EX_USAGE);
  }
  limitHeap();
  const lines = new LogLines();
  const log = createLogger(config.logLevel, { terminal: process.stdout.isTTY, tap: lines.take });
  const app = build(config, log, lines, readVersion());
  const stopping = stopOnSignal(app, log, exit);
  try {
    const { host, port, functions, admin } = await app.start();
    const [url, adminUrl] = [urlOf(host, port), urlOf(admin.host, admin.port)];
    log.info({ url, adminUrl }, `ready: ${functions.join(', ')}`);
    if (process.stdout.isTTY) {
      process.stdout.write(invitation(url, functions, config.apiKeys.length > 0));
      // Only where a person reads it: the token must not get into a log.
      process.stdout.write(`  See it:\n\n  ${adminUrl}/#token=${encodeURIComponent(admin.token)}\n\n`);
    }
  } catch (error) {
    if (stopping()) return; // the signal's own stop ends the process
    const known =
      error instanceof FunctionsFault || error instanceof FunctionEnvFault || error instanceof StateFault;
    if (known) log.fatal(error.message);
    else
      log.fatal(
        { err: error },
        `the start failed: ${error instanceof Error ? error.message : String(error)}`,
      );
    exit(known ? EX_USAGE : 1);
  }
}

/** Drains on the first signal, ends at once on a later one. Returns whether a stop has begun. */
function stopOnSignal(app: App, log: Logger, exit: Exit): () => boolean {
  let firstAt: number | undefined;
  const stop = async (signal: string): Promise<void> => {
    log.info(`${signal}: draining`);
    try {
      await app.drain();
      await app.stop();
    } catch (error) {
      log.fatal({ err: error }, 'the stop failed; the next start removes what is left');
      exit(1);
    }
    log.info('stopped');
    exit(0);
  };
  // SIGHUP comes when the terminal is closed: the workers must not outlive that.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        void stop(signal);
      } else if (performance.now() - firstAt > SAME_SIGNAL_MS) {
        log.warn(`${signal} again: ending at once; the next start takes the workers over or removes them`);
        exit(1);
      }
    });
  }
  return () => firstAt !== undefined;
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
