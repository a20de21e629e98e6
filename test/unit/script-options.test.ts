import { afterEach, describe, expect, it, vi } from 'vitest';
import { readOptions } from '../../scripts/options.ts';

const TABLE = {
  quick: 'switch',
  minutes: 'number',
  rounds: 'count',
  seed: 'text',
  runtime: { choice: ['process', 'docker'] },
  only: { list: ['a', 'b', 'c'] },
} as const;

afterEach(() => vi.restoreAllMocks());

/** What comes of a command line: the options, or how the process ended and what it said. */
function read(...args: string[]): unknown {
  const said: string[] = [];
  vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'script', ...args]);
  vi.spyOn(process, 'execArgv', 'get').mockReturnValue([]);
  const write = (text: unknown): boolean => said.push(String(text)) > 0;
  vi.spyOn(process.stdout, 'write').mockImplementation(write);
  vi.spyOn(process.stderr, 'write').mockImplementation(write);
  const exit = vi.spyOn(process, 'exit').mockImplementation((): never => {
    throw new Error('ended');
  });
  try {
    return readOptions('the usage', TABLE);
  } catch {
    return { code: exit.mock.calls[0]?.[0], said: said.join('') };
  }
}

describe('the options of a script', () => {
  it('are read, each as what it is', () => {
    expect(read()).toEqual({ quick: false });
    expect(
      read(
        '--quick',
        '--minutes',
        '1.5',
        '--rounds',
        '3',
        '--seed',
        '7',
        '--runtime',
        'docker',
        '--only',
        'a,c',
      ),
    ).toEqual({ quick: true, minutes: 1.5, rounds: 3, seed: '7', runtime: 'docker', only: ['a', 'c'] });
  });

  it.each([
    [['--minutes', 'x'], '--minutes "x" is not a number of at least 0'],
    [['--minutes', ''], '--minutes "" is not a number of at least 0'],
    [['--minutes=-1'], '--minutes "-1" is not a number of at least 0'],
    [['--rounds', '0'], '--rounds "0" is not a whole number of at least 1'],
    [['--rounds', '1.5'], '--rounds "1.5" is not a whole number of at least 1'],
    [['--runtime', 'moon'], '--runtime "moon" is none of process, docker'],
    [['--only', 'a,d'], '--only "d" is none of a, b, c'],
    [['--nonsense'], "Unknown option '--nonsense'"],
    [['5'], "Unexpected argument '5'"],
  ])('%j ends with what is wrong, and the usage', (args, fault) => {
    const { code, said } = read(...args) as { code: number; said: string };
    expect(code).toBe(64);
    expect(said).toContain(fault);
    expect(said).toContain('the usage');
  });

  it('--help shows the usage', () => {
    expect(read('--help')).toMatchObject({ said: 'the usage\n' });
  });
});
