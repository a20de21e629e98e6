/** The spillway command: looks the command up, runs it, and turns how it ended into an exit code. */
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { ConfigFault, parseConfig } from '../config.ts';
import { call } from './call.ts';
import { calibrate } from './calibrate.ts';
import { deploy, destroy } from './cloud.ts';
import { EXIT, type Arguments, type Command, type OptionTable } from './command.ts';
import { CommandFailed, DaemonMissing, UsageFault } from './faults.ts';
import { compare } from './compare.ts';
import { Daemon } from './daemon.ts';
import { logs } from './logs.ts';
import { Output } from './output.ts';
import { drain, reload, resize, restart } from './pool.ts';
import { status } from './status.ts';
import { top } from './top.ts';
import { messageOf } from '../message-of.ts';

const COMMANDS: readonly Command[] = [
  status,
  top,
  call,
  compare,
  calibrate,
  logs,
  drain,
  resize,
  reload,
  restart,
  deploy,
  destroy,
];
/** A shell adds this to the number of the signal that ended a program. */
const SIGNALLED = 128;
const COMMON: OptionTable = { json: { type: 'boolean' }, help: { type: 'boolean' } };

const OVERVIEW = `spillway COMMAND [--json]

${COMMANDS.map(({ name, usage, summary }) => `  ${`${name} ${usage}`.padEnd(28)}${summary}`).join('\n')}

spillway COMMAND --help says more. The daemon is found by the settings it was started with: SPILLWAY_PORT,
SPILLWAY_ADMIN_PORT, SPILLWAY_STATE (whose admin-token is the token), SPILLWAY_API_KEYS, SPILLWAY_ADMIN_TOKEN.
Exit codes: 0 done, 1 failed, 2 no daemon answers, 64 wrong usage, 130 and 143 ended by a signal.
Under npm, put -- before what is for spillway: npm run spillway -- status --json`;

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(`${OVERVIEW}\n`);
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) throw new UsageFault(`there is no command ${name}; spillway --help lists them`);
  const given = readArguments(command, rest);
  if (given.options['help'] === true) {
    const { usage, summary, help } = command;
    process.stdout.write(`${`spillway ${name} ${usage}`.trimEnd()} [--json]\n\n${summary}\n`);
    if (help !== undefined) process.stdout.write(`\n${help}\n`);
    return EXIT.ok;
  }
  const [min, max] = command.words;
  if (given.words.length < min || given.words.length > max) {
    throw new UsageFault(`usage: ${`spillway ${name} ${command.usage}`.trimEnd()}; --help says more`);
  }
  const plain = (process.env['NO_COLOR'] ?? '') !== '';
  const output = new Output(given.options['json'] === true, process.stdout, process.stderr, plain);
  const leave = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    leave.abort();
    // It waits for an answer, which may never come, and has written nothing yet that would have to go out.
    if (command.heedsLeave !== true) process.exit(SIGNALLED + constants.signals[signal]);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const daemon = new Daemon(parseConfig(process.env));
    const readInput = (): Promise<string> => text(process.stdin);
    return await command.run({ daemon, output, readInput, leave: leave.signal }, given);
  } finally {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
  }
}

/** Options begin with two dashes and may stand anywhere; so a negative number is a word. After -- all are words. */
function readArguments(command: Command, args: readonly string[]): Arguments {
  const table = { ...COMMON, ...command.options };
  const words: string[] = [];
  const options: string[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? '';
    if (arg === '--') {
      words.push(...args.slice(i + 1));
      break;
    }
    if (arg === '-h') options.push('--help');
    else if (!arg.startsWith('--')) words.push(arg);
    else {
      options.push(arg);
      const takesValue = table[arg.slice(2)]?.type === 'string';
      const value = args[i + 1];
      if (takesValue && value !== undefined) {
        options.push(value);
        i += 1;
      }
    }
  }
  try {
    return { words, options: parseArgs({ args: options, options: table, allowPositionals: false }).values };
  } catch (error) {
    throw new UsageFault(messageOf(error));
  }
}

/** What went wrong, in one line and one number. */
function ended(error: unknown): number {
  const say = (message: string): void => void process.stderr.write(`spillway: ${message}\n`);
  if (error instanceof ConfigFault) {
    say(`the settings can't be used:\n${error.faults.map((fault) => `  ${fault}`).join('\n')}`);
    return EXIT.usage;
  }
  if (error instanceof UsageFault || error instanceof DaemonMissing || error instanceof CommandFailed) {
    say(error.message);
    if (error instanceof UsageFault) return EXIT.usage;
    return error instanceof DaemonMissing ? EXIT.noDaemon : EXIT.failed;
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failed;
}

// A reader that has seen enough (head) ends the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// Not process.exit: what was written to a pipe has to go out first.
process.exitCode = await main(process.argv.slice(2)).catch(ended);
