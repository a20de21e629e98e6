/** top: the balancer live in the terminal. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlaceFigures, Snapshot } from '../admin/operations.ts';
import { EXIT, type Command, type Context } from './command.ts';
import { DaemonMissing } from './faults.ts';
import { ms, type Output } from './output.ts';
import { statusLines } from './status.ts';

/** How long top waits before it looks for a daemon that has gone, in milliseconds. */
const AGAIN_MS = 1000;
const ESC = '\u001b[';
/** The other screen, so that what was on this one is there again afterwards; and no cursor. */
const ENTER = `${ESC}?1049h${ESC}?25l`;
const LEAVE = `${ESC}?25h${ESC}?1049l`;
const HOME = `${ESC}H`;
const CLEAR_LINE = `${ESC}K`;
const CLEAR_BELOW = `${ESC}J`;

/** `spillway top`. */
export const top: Command = {
  name: 'top',
  usage: '',
  summary: 'the pool, its calls and the last decisions, live',
  help: `Ctrl-C leaves. Without a terminal it shows the state once; with --json it prints one snapshot a line,
every second, until it is ended.`,
  words: [0, 0],
  heedsLeave: true,
  async run(context) {
    const { daemon, output, leave } = context;
    if (output.onTerminal && !output.json) return await live(context);
    for await (const snapshot of daemon.events('/events', leave)) {
      if (output.json) output.value(snapshot);
      else {
        for (const line of screen(snapshot as Snapshot, output)) output.line(line);
        break;
      }
    }
    return EXIT.ok;
  },
};

async function live({ daemon, output, leave }: Context): Promise<number> {
  const { stdout } = output;
  // Before the other screen: if there is no daemon, the user shall read so.
  await daemon.admin('status');
  stdout.write(ENTER);
  try {
    while (!leave.aborted) {
      try {
        for await (const snapshot of daemon.events('/events', leave)) {
          draw(output, screen(snapshot as Snapshot, output));
        }
      } catch (error) {
        if (!(error instanceof DaemonMissing)) throw error;
      }
      if (leave.aborted) break;
      draw(output, [output.tone('bad', 'the daemon has gone; waiting for it to come back (Ctrl-C leaves)')]);
      await sleep(AGAIN_MS, undefined, { signal: leave }).catch(() => undefined);
    }
  } finally {
    stdout.write(LEAVE);
  }
  return EXIT.ok;
}

/** Draws over the last picture: clearing the screen first would flicker. */
function draw({ stdout, size }: Output, lines: readonly string[]): void {
  const shown = lines.slice(0, size.rows - 1).map((line) => cut(line, size.columns) + CLEAR_LINE);
  stdout.write(HOME + shown.join('\r\n') + CLEAR_BELOW);
}

/** A snapshot as lines. */
function screen(snapshot: Snapshot, output: Output): string[] {
  const { status, rates, functions, decisions } = snapshot;
  const rate = (place: 'pool' | 'cloud'): string => {
    const { perSecond, p50Ms, p99Ms } = rates[place];
    const times = perSecond === 0 ? '' : ` p50 ${ms(p50Ms)} p99 ${ms(p99Ms)}`;
    return `${place} ${output.tone('strong', `${Math.round(perSecond)}/s`)}${times}`;
  };
  const rows = functions.map(({ name, pool, cloud, suspended }) => [
    name,
    ...placeCells(pool),
    ...placeCells(cloud),
    String(pool.failed + cloud.failed),
    suspended ?? '',
  ]);
  const heading = ['function', 'pool', 'p50', 'p99', 'cloud', 'p50', 'p99', 'failed', ''];
  return [
    ...statusLines(status, output),
    '',
    `now     ${rate('pool')}    ${rate('cloud')}`,
    '',
    ...output.table(heading, rows),
    '',
    ...decisions.map(({ at, callId, method, place, reason, localMs, cloudMs }) => {
      const weighed =
        localMs === undefined || cloudMs === undefined ? '' : ` (here ${ms(localMs)}, there ${ms(cloudMs)})`;
      return `${output.tone('faint', new Date(at).toISOString().slice(11, 19))} ${method} ${callId} → ${place}: ${reason}${weighed}`;
    }),
  ];
}

function placeCells({ calls, p50Ms, p99Ms }: PlaceFigures): string[] {
  return calls === 0 ? ['0', '–', '–'] : [String(calls), ms(p50Ms), ms(p99Ms)];
}

/** Cuts a line to the terminal's width; colours take no room. */
function cut(line: string, columns: number): string {
  let room = columns;
  let kept = '';
  for (const [part] of line.matchAll(/\u001b\[[0-9;]*m|./gsu)) {
    if (part.startsWith('\u001b')) kept += part;
    else if (room > 0) {
      kept += part;
      room -= 1;
    }
  }
  return kept;
}
