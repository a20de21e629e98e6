/** What functions print on an emulated AWS reaches the operator, and each call can be followed there and back. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home, until, type Answer, type Balancer } from '../../support/balancer.ts';
import { spillway, type CommandRun } from '../../support/cli.ts';
import { cloudEnv } from '../../support/cloud-env.ts';
import { findMiniStack, startMiniStack, type MiniStack } from '../../support/ministack.ts';

const found = findMiniStack('prints in the cloud');
const FORCED = { 'spillway-backend': 'cloud' };
type Line = Record<string, unknown>;

describe.skipIf(found.missing !== undefined)('on an emulated AWS', () => {
  let aws: MiniStack;
  let home: Home;
  let balancer: Balancer;
  let logGroup: string;

  beforeAll(async () => {
    aws = await startMiniStack(found.missing === undefined ? found.program : '');
    home = new Home();
    logGroup = `/aws/lambda/spillway-${home.pool}`;
    balancer = await home.start({ ...cloudEnv(home, aws.url), SPILLWAY_CLOUD_BUDGET_USD: '10' });
    await until('the cloud is ready', () => balancer.lines('cloud: ready at').length > 0, 50_000);
  });
  afterAll(async () => {
    await home.rm({ docker: false });
    await aws.stop();
  });

  /** What `spillway logs CALL` says. */
  const logs = (callId: string, ...more: string[]): Promise<CommandRun> => {
    const { port } = new URL(String(balancer.lines('"msg":"ready')[0]?.['adminUrl']));
    const env = { SPILLWAY_STATE: join(home.dir, 'state'), SPILLWAY_ADMIN_PORT: port };
    return spillway(env, ['logs', callId, '--once', ...more]);
  };
  const steps = async (callId: string): Promise<Line[]> =>
    (await logs(callId, '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  const idOf = ({ headers }: Pick<Answer, 'headers'>): string => headers.get('spillway-call') ?? '';
  /** At least so many lines of the log that a call printed. */
  const printed = async (callId: string, least: number): Promise<Line[]> => {
    const lines = (): Line[] =>
      balancer.lines(`"callId":"${callId}"`).filter(({ stream }) => stream !== undefined);
    await until(`${least} lines of call ${callId}`, () => lines().length >= least);
    return lines();
  };

  it('a call can be followed there and back, with what it printed', async () => {
    const answer = await balancer.call('print', ['red', 10], FORCED);
    expect(answer.result).toBe('red');
    const requestId = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
    const about = { callId: idOf(answer), function: 'print' };
    expect(await steps(idOf(answer))).toMatchObject([
      { ...about, msg: 'placed', place: 'cloud', reason: 'forced' },
      { ...about, msg: 'sending calls to the cloud: forced' },
      { ...about, msg: 'sent to the cloud' },
      { ...about, msg: 'red out', place: 'cloud', stream: 'stdout', requestId },
      { ...about, msg: 'red err', place: 'cloud', stream: 'stderr', requestId },
      {
        ...about,
        ...{
          msg: 'answer of the cloud',
          outcome: 'ok',
          requestId,
          coldStart: expect.any(Boolean) as boolean,
        },
        runMs: expect.any(Number) as number,
        billedMs: Number(answer.headers.get('spillway-billed-ms')),
        costUsd: Number(answer.headers.get('spillway-cost-usd')),
      },
      { ...about, msg: 'call', place: 'cloud', outcome: 'ok' },
    ]);
    // Above level debug the log has what was printed, and nothing else of the call but the first that was sent away.
    expect((await printed(idOf(answer), 2)).map(({ level, msg }) => [level, msg])).toEqual([
      [30, 'red out'],
      [30, 'red err'],
    ]);
    expect((await logs(idOf(answer))).stdout).toMatch(/answer of the cloud {2}.*costUsd=0\.00000\d+/);
  });

  it('what calls print at one time is never mixed', async () => {
    const words = ['green', 'blue', 'grey', 'pink'];
    const answers = await Promise.all(words.map((word) => balancer.call('print', [word, 150], FORCED)));
    for (const [at, answer] of answers.entries()) {
      const lines = await printed(idOf(answer), 2);
      expect(lines.map(({ msg }) => msg)).toEqual([`${words[at]} out`, `${words[at]} err`]);
    }
    expect((await balancer.call('add', [1, 2], FORCED)).result).toBe(3);
  });

  it('is the operator’s alone: nothing of it reaches the client', async () => {
    const { headers, ...answer } = await balancer.call(
      'print',
      ['x\r\nspillway-worker: w0\r\nx-api-key: secret', 1],
      FORCED,
    );
    expect([...headers.keys()].filter((name) => /print|log|request-id|api-key|worker/.test(name))).toEqual(
      [],
    );
    expect(answer.error).toBeUndefined();
    const lines = await printed(idOf({ headers }), 6);
    expect(lines.map(({ msg }) => msg)).toContain('x-api-key: secret out');
  });

  it('more than the answer holds is cut off, and it is said where the rest is', async () => {
    const answer = await balancer.call('print', [`${'x'.repeat(200)}\n`.repeat(60), 1], FORCED);
    const told = (await steps(idOf(answer))).filter((line) => line['logGroup'] !== undefined);
    expect(told).toMatchObject([
      {
        msg: expect.stringMatching(/^\(prints more: \d+ lines are only in the log group /) as string,
        logGroup,
      },
      { msg: 'answer of the cloud', logGroup },
    ]);
    expect((await printed(idOf(answer), 16)).length).toBeLessThan(60);
  });

  it('its trace goes with it', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { result } = await balancer.call('traced', [false], {
      ...FORCED,
      traceparent,
      tracestate: 'a=1, b=2',
    });
    expect(result).toBe(`${traceparent} a=1,b=2`);
  });

  it('a call that ends without an answer says where to look', async () => {
    const answer = await balancer.call('leave', [], FORCED);
    expect(answer.error).toMatchObject({ code: -32004, data: { mayHaveRun: true } });
    const about = { callId: idOf(answer), function: 'leave', logGroup };
    await until('it is in the log', () => balancer.lines('has no answer').length > 0);
    expect(balancer.lines('has no answer')).toMatchObject([{ level: 40, ...about }]);
    expect(await steps(idOf(answer))).toContainEqual(
      expect.objectContaining({ ...about, msg: 'no answer of the cloud', mayHaveRun: true }),
    );
  });
});
