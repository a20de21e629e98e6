/** What `npm run simulate` is asked for. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { SPREADS, type Spread } from './generators.ts';
import { POLICIES, type PolicyName } from './placement.ts';
import { RULES, type RuleName } from './rules.ts';
import { MOST_SPAN_MS } from './trace.ts';
import { WAIT_FORMULAS, type WaitFormula } from './simulation-settings.ts';

export const USAGE = `npm run simulate -- FILE.csv|GENERATOR [options]

  --policy NAME     ${POLICIES.join(', ')} [predictive, as the daemon]
  --scaling NAME    ${RULES.join(', ')} [spillway]
  --workers N       the pool is N … 2N [2]
  --cores C         shared among running CPU work [this machine's]
  --wait MS         the wait at which threshold offloads [50]
  --wait-formula F  how that is expected: ${WAIT_FORMULAS.join(', ')} [list]
  --queue CALLS     the most calls waiting [1000]
  --cpu-share PART  the part of a run time that is CPU work, 0 … 1 [1]
  --chart FILE      where the SVG goes; none: nowhere [simulation.svg, with --json none]
  --json            prints figures for programs

of a generator:
  --seconds S       how long calls arrive [120]
  --mean MS         mean run time [100]
  --spread NAME     of run times: ${SPREADS.join(', ')} [constant]
  --seed N          [1]
`;

export interface Options {
  /** A CSV file, or a generator's name. */
  readonly source: string;
  readonly policy: PolicyName;
  readonly scaling: RuleName;
  readonly workers: number;
  readonly cores: number;
  readonly waitMs: number;
  readonly waitFormula: WaitFormula;
  readonly queue: number;
  readonly cpuShare: number;
  readonly chart: string | undefined;
  readonly json: boolean;
  readonly lengthMs: number;
  readonly meanMs: number;
  readonly spread: Spread;
  readonly seed: number;
}

/** What was asked for can't be done; the message says all that is wrong. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault';
}

const TEXT = { type: 'string' } as const;

/**
 * Reads the command line.
 * @throws UsageFault naming every fault, with its value
 */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = read(args);
  const faults: string[] = [];
  const number = (name: keyof typeof values, missing: number, least: number, whole = false): number => {
    const value = values[name];
    if (typeof value !== 'string') return missing;
    const read = value.trim() === '' ? NaN : Number(value);
    if (Number.isFinite(read) && read >= least && (!whole || Number.isInteger(read))) return read;
    faults.push(
      `--${name} ${JSON.stringify(value)} is not a ${whole ? 'whole ' : ''}number of at least ${least}`,
    );
    return missing;
  };
  const choice = <T extends string>(name: keyof typeof values, known: readonly T[], missing: T): T => {
    const value = values[name];
    if (typeof value !== 'string') return missing;
    const found = known.find((one) => one === value);
    if (found === undefined) faults.push(`--${name} ${JSON.stringify(value)} is none of ${known.join(', ')}`);
    return found ?? missing;
  };
  const [source = ''] = positionals;
  if (positionals.length !== 1) faults.push(`one FILE.csv or GENERATOR is needed, not ${positionals.length}`);
  const chart = values.chart ?? (values.json ? 'none' : 'simulation.svg');
  const options: Options = {
    source,
    policy: choice('policy', POLICIES, 'predictive'),
    scaling: choice('scaling', RULES, 'spillway'),
    workers: number('workers', 2, 1, true),
    cores: number('cores', availableParallelism(), 0.01),
    waitMs: number('wait', 50, 0),
    waitFormula: choice('wait-formula', WAIT_FORMULAS, 'list'),
    queue: number('queue', 1000, 0, true),
    cpuShare: number('cpu-share', 1, 0),
    chart: chart === 'none' ? undefined : chart,
    json: values.json,
    lengthMs: number('seconds', 120, 0.001) * 1000,
    meanMs: number('mean', 100, 0.001),
    spread: choice('spread', SPREADS, 'constant'),
    seed: number('seed', 1, 0, true),
  };
  if (options.cpuShare > 1) faults.push(`--cpu-share "${options.cpuShare}" is more than 1`);
  if (options.lengthMs > MOST_SPAN_MS)
    faults.push(
      `--seconds "${options.lengthMs / 1000}" is more than ${MOST_SPAN_MS / 1000}, which is 31 days`,
    );
  if (faults.length > 0) throw new UsageFault(faults.join('\n'));
  return options;
}

function read(args: readonly string[]): ReturnType<typeof parseArgs<typeof CONFIG>> {
  try {
    return parseArgs({ ...CONFIG, args: [...args] });
  } catch (error) {
    throw new UsageFault((error as Error).message, { cause: error });
  }
}

const CONFIG = {
  allowPositionals: true,
  options: {
    policy: TEXT,
    scaling: TEXT,
    workers: TEXT,
    cores: TEXT,
    wait: TEXT,
    'wait-formula': TEXT,
    queue: TEXT,
    'cpu-share': TEXT,
    chart: TEXT,
    json: { type: 'boolean', default: false },
    seconds: TEXT,
    mean: TEXT,
    spread: TEXT,
    seed: TEXT,
  },
} as const;
