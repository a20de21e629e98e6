import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTrace } from '../../../scripts/simulate/csv.ts';
import { generate, GENERATORS, type GeneratorName } from '../../../scripts/simulate/generators.ts';
import { parseOptions } from '../../../scripts/simulate/options.ts';
import { boundedPareto, exponential, seededRandom } from '../../../scripts/simulate/random.ts';
import type { Trace } from '../../../scripts/simulate/trace.ts';

describe('a CSV trace', () => {
  const parse = (...lines: string[]) => parseTrace(lines.join('\n'), 'day.csv');

  it('begins with its first call, whatever the order of lines and columns', () => {
    const trace = parse(
      'method,durationMs,timestampMs',
      'b,20,1700000000500',
      'a,10.5,1700000000000',
      ',30,1700000000100',
    );
    expect([...trace.arrivalMs]).toEqual([0, 100, 500]);
    expect([...trace.durationMs]).toEqual([10.5, 30, 20]);
    expect([...trace.method].map((at) => trace.methods[at])).toEqual(['a', 'call', 'b']);
    expect([...trace.deadlineMs]).toEqual([30_000, 30_000, 30_000]);
  });

  it('may have bytes and deadlines, quotes, blank lines, Windows line ends and a byte order mark', () => {
    const trace = parse(
      '\uFEFFtimestampMs,durationMs,bytes,deadlineMs,method\r',
      '5,1,2048,100,"resize"\r',
      '\r',
      '6,1,,,\r',
      '',
    );
    expect([...trace.bytes]).toEqual([2048, 0]);
    expect([...trace.deadlineMs]).toEqual([100, 30_000]);
    expect(trace.methods).toEqual(['resize', 'call']);
  });

  it('may have commas and quotes inside of quotes, and blank lines before its header', () => {
    const trace = parse(
      '',
      ' \r',
      '"timestampMs", "durationMs" ,method',
      '1,1,"a,b"',
      '"2","3",  "say ""now"", please"  ',
      '3,1,""',
      '4,1,5" disk',
    );
    expect([...trace.durationMs]).toEqual([1, 3, 1, 1]);
    expect(trace.methods).toEqual(['a,b', 'say "now", please', 'call', '5" disk']);
    expect(() => parse('', 'timestampMs,duration')).toThrow('day.csv, line 2: unknown column "duration"');
  });

  it.each([['1,1,"a'], ['1,1,"a"b'], ['1,1, "a""'], ['"1,1,a']])('with the line %j is refused', (row) => {
    expect(() => parse('timestampMs,durationMs,method', row)).toThrow(
      `day.csv, line 2: the quotes in ${JSON.stringify(row)} have to stand round a whole value, within one line`,
    );
  });

  it.each([
    [[''], 'day.csv, line 0: the file is empty; it needs the header timestampMs,durationMs'],
    [['timestampMs,durationMs'], 'day.csv, line 1: no call follows the header'],
    [
      ['timestampMs,duration', '1,2'],
      'day.csv, line 1: unknown column "duration"; known are timestampMs, durationMs, method, bytes, deadlineMs',
    ],
    [
      ['timestampMs,method', '1,2'],
      'day.csv, line 1: the header "timestampMs,method" lacks the column durationMs',
    ],
    [['timestampMs,durationMs,timestampMs', '1,2,3'], 'day.csv, line 1: column "timestampMs" appears twice'],
    [['timestampMs,durationMs', '1,2', '3,fast'], 'day.csv, line 3: durationMs "fast" is not a number'],
    [['timestampMs,durationMs', '1,-2'], 'day.csv, line 2: durationMs "-2" is less than 0'],
    [['timestampMs,durationMs', ',2'], 'day.csv, line 2: timestampMs "" is not a number'],
    [['timestampMs,durationMs', '1,Infinity'], 'day.csv, line 2: durationMs "Infinity" is not a number'],
    [['timestampMs,durationMs', '1,2,3'], 'day.csv, line 2: 3 values for 2 columns: "1,2,3"'],
    [
      ['timestampMs,durationMs', '0,10', '1700000000000,10'],
      'day.csv, line 3: timestampMs 1700000000000 is 19676 days from 0 in line 2; a trace may span 31: mend the wrong one, or cut the trace',
    ],
    [
      ['timestampMs,durationMs', '1700000000000,10', '', '1700000000001,10', '0,10'],
      'day.csv, line 5: timestampMs 0 is 19676 days from 1700000000001 in line 4; a trace may span 31',
    ],
    [
      ['timestampMs,durationMs,deadlineMs', '1,2,1e12'],
      'day.csv, line 2: deadlineMs 1000000000000 is more than 2678400000',
    ],
    [['timestampMs,durationMs,deadlineMs', '1,2,0'], 'day.csv, line 2: deadlineMs "0" is less than 1'],
  ])('%j is refused', (lines, message) => {
    expect(() => parse(...lines)).toThrow(message);
  });

  it('may span 31 days', () => {
    const days31Ms = 31 * 24 * 3600 * 1000;
    expect(parse('timestampMs,durationMs', '5,1', `${days31Ms + 5},1`).arrivalMs[1]).toBe(days31Ms);
    expect(() => parse('timestampMs,durationMs', '5,1', `${days31Ms + 6},1`)).toThrow('line 3');
  });

  it('cuts a long value that it quotes', () => {
    expect(() => parse('timestampMs,durationMs', `1,${'9x'.repeat(5000)}`)).toThrow(/^.{0,140}$/s);
  });

  it('gives back any name of a function', () => {
    const name = fc.string().filter((text) => !/[\r\n]/.test(text) && text !== '');
    fc.assert(
      fc.property(fc.array(name, { minLength: 1 }), (names) => {
        const rows = names.map((one) => `1,1,"${one.replaceAll('"', '""')}"`);
        const { methods, method } = parse('timestampMs,durationMs,method', ...rows);
        expect([...method].map((at) => methods[at])).toEqual(names);
      }),
    );
  });

  it('refuses a megabyte of wrong quotes at once', () => {
    const parts = [' '.repeat(1e6), '"'.repeat(1e6 + 1), `"${'""'.repeat(5e5)}x`, `"a"${' '.repeat(1e6)}b`];
    for (const part of parts) {
      expect(() => parse('timestampMs,durationMs,method', `1,1,${part}"a`)).toThrow('the quotes in');
    }
  });

  it('gives back any calls', () => {
    const call = fc.tuple(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 0, max: 1e5 }));
    fc.assert(
      fc.property(fc.array(call, { minLength: 1 }), (calls) => {
        const trace = parse('timestampMs,durationMs', ...calls.map((one) => one.join()));
        const sorted = calls.toSorted(([one], [other]) => one - other);
        const [first] = sorted[0]!;
        expect([...trace.arrivalMs]).toEqual(sorted.map(([at]) => at - first));
        expect([...trace.durationMs]).toEqual(sorted.map(([, ms]) => ms));
      }),
    );
  });
});

describe('a generator', () => {
  const settings = { seed: 1, workers: 4, meanMs: 50, spread: 'exponential', lengthMs: 120_000 } as const;
  /** Slots that the calls of a part of the trace would keep busy. */
  const load = (trace: Trace, from: number, to: number) => {
    let workMs = 0;
    for (const [call, at] of trace.arrivalMs.entries())
      if (at >= from && at < to) workMs += trace.durationMs[call]!;
    return workMs / (to - from);
  };

  it.each(GENERATORS)('%s makes the same trace of a seed, in order, within its time', (name) => {
    const trace = generate(name, settings);
    expect(generate(name, settings)).toEqual(trace);
    if (name !== 'steady') expect(generate(name, { ...settings, seed: 2 })).not.toEqual(trace);
    expect(trace.arrivalMs.every((at, call) => at >= (trace.arrivalMs[call - 1] ?? 0) && at < 120_000)).toBe(
      true,
    );
  });

  it.each<[GeneratorName, number, number, number]>([
    ['steady', 0, 120_000, 2.8],
    ['step', 0, 40_000, 0.4],
    ['step', 40_000, 120_000, 6.4],
    ['spike', 0, 30_000, 0.4],
    ['spike', 30_000, 33_000, 7.2],
    ['flood', 90_000, 93_000, 10],
    ['sawtooth', 0, 10_000, 1.2],
    ['sawtooth', 20_000, 30_000, 6],
    ['daily', 50_000, 70_000, 6.7],
    ['poisson', 0, 120_000, 3.6],
  ])('%s asks for the slots it should from %d to %d ms', (name, from, to, slots) => {
    const trace = generate(name, { ...settings, spread: 'constant', workers: 40 });
    expect(load(trace, from, to) / (10 * slots)).toBeGreaterThan(0.85);
    expect(load(trace, from, to) / (10 * slots)).toBeLessThan(1.15);
  });

  it.each([
    ['spike', 3700],
    ['flood', 4400],
  ] as const)('%s has its peaks in a trace of a week too', (name, calls) => {
    const week = {
      ...settings,
      workers: 2,
      spread: 'constant',
      meanMs: 60_000,
      lengthMs: 600_000_000,
    } as const;
    // In each minute 57 s at 0.1 N, and 3 s at the peak.
    expect(generate(name, week).arrivalMs.length / calls).toBeCloseTo(1, 1);
  });

  it('bursty is sometimes quiet and sometimes busy', () => {
    const trace = generate('bursty', { ...settings, lengthMs: 600_000 });
    const seconds = Array.from({ length: 600 }, (_, at) => load(trace, at * 1000, (at + 1) * 1000));
    expect(seconds.filter((slots) => slots > 4.5).length).toBeGreaterThan(60);
    expect(seconds.filter((slots) => slots < 3).length).toBeGreaterThan(200);
  });
});

describe('chance', () => {
  const mean = (draw: () => number, count = 200_000) => {
    let sum = 0;
    for (let at = 0; at < count; at++) sum += draw();
    return sum / count;
  };

  it('is even, and has the means it is asked for', () => {
    const random = seededRandom(42);
    expect(mean(random)).toBeCloseTo(0.5, 2);
    expect(mean(() => exponential(random, 100)) / 100).toBeCloseTo(1, 1);
    expect(mean(() => boundedPareto(random, 100, 1.5, 1000)) / 100).toBeCloseTo(1, 1);
  });

  it('differs from seed to seed, neighbours too', () => {
    expect(new Set(Array.from({ length: 1000 }, (_, seed) => seededRandom(seed)())).size).toBe(1000);
  });
});

describe('the command line', () => {
  it('has defaults', () => {
    expect(parseOptions(['step'])).toMatchObject({
      source: 'step',
      policy: 'predictive',
      scaling: 'spillway',
      workers: 2,
      waitMs: 50,
      chart: 'simulation.svg',
      json: false,
    });
    expect(parseOptions(['step', '--json']).chart).toBeUndefined();
  });

  it('names every fault at once', () => {
    const args = ['--policy', 'sometimes', '--workers', '1.5', '--cores', 'many', '--cpu-share', '2'];
    for (const fault of [
      'one FILE.csv or GENERATOR is needed, not 0',
      '--policy "sometimes" is none of never, always, threshold, origin',
      '--workers "1.5" is not a whole number of at least 1',
      '--cores "many" is not a number of at least 0.01',
      '--cpu-share "2" is more than 1',
    ]) {
      expect(() => parseOptions(args)).toThrow(fault);
    }
  });

  it('lets calls arrive for 31 days at most', () => {
    expect(parseOptions(['step', '--seconds', '2678400']).lengthMs).toBe(2_678_400_000);
    expect(() => parseOptions(['step', '--seconds', '2678401'])).toThrow(
      '--seconds "2678401" is more than 2678400, which is 31 days',
    );
  });

  it('refuses what it does not know', () => {
    expect(() => parseOptions(['step', '--turbo'])).toThrow('--turbo');
  });
});
