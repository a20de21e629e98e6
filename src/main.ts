/** The process: environment in, signals in, exit code out. The only place that ends it. */
import { readFileSync } from 'node:fs';
import { build } from './app.ts';
import { ConfigFault, parseConfig } from './config.ts';
import { FunctionEnvFault } from './functions/env.ts';
import { FunctionsFault } from './functions/fault.ts';
import { createLogger } from './log.ts';
import { StateFault } from './state.ts';

/** sysexits.h: the command was used wrongly. */
const EX_USAGE = 64;
/** npm and a terminal both pass a Ctrl-C on, so what comes this soon after the first signal is the same one, in milliseconds. */
const SAME_SIGNAL_MS = 1000;

function readConfig(): ReturnType<typeof parseConfig> {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigFault)) throw error;
    process.stderr.write(`spillway: the settings can't be used:\n${error.faults.map((f) => `  ${f}\n`).join('')}`);
    process.exit(EX_USAGE);
  }
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const config = readConfig();
const log = createLogger(config.logLevel, { terminal: process.stdout.isTTY });
const app = build(config, log, readVersion());

let stopping: Promise<void> | undefined;
let firstSignalAt = 0;

async function stop(signal: string): Promise<void> {
  log.info(`${signal}: draining`);
  await app.drain();
  await app.stop();
  log.info('stopped');
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping === undefined) {
      firstSignalAt = performance.now();
      stopping = stop(signal).then(
        () => process.exit(0),
        (error: unknown) => {
          log.fatal({ err: error }, 'the stop failed; the next start removes what is left');
          process.exit(1);
        },
      );
    } else if (performance.now() - firstSignalAt > SAME_SIGNAL_MS) {
      log.warn(`${signal} again: ending at once; the next start takes the workers over or removes them`);
      process.exit(1);
    }
  });
}

try {
  const { host, port, functions } = await app.start();
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  log.info({ url }, `ready: ${functions.join(', ')}`);
  if (process.stdout.isTTY) {
    process.stdout.write(
      `\n  calls   ${url}\n\n  Try it:\n  curl ${url} -H 'content-type: application/json' ` +
        `-d '{"jsonrpc":"2.0","id":1,"method":"fibonacci","params":[20]}'\n\n`,
    );
  }
} catch (error) {
  if (stopping === undefined) {
    const known = error instanceof FunctionsFault || error instanceof FunctionEnvFault || error instanceof StateFault;
    if (known) log.fatal(error.message);
    else log.fatal({ err: error }, 'the start failed');
    process.exit(known ? EX_USAGE : 1);
  }
}
