/** Whatever is wrong with the cloud: one line that says so and what to do, and the pool serves on. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Home, until, type Balancer } from '../../support/balancer.ts';
import { cloudEnv } from '../../support/cloud-env.ts';

const FORCED = { 'spillway-backend': 'cloud' };
const EXPIRED = 'The security token included in the request is expired';

describe('a cloud that can’t be used', () => {
  let home: Home;
  let balancer: Balancer;
  /** Answers every request of any service as AWS does once a session is over. */
  let expired: Server;

  beforeAll(async () => {
    expired = createServer((incoming, outgoing) => {
      incoming.resume().on('end', () => {
        const query = incoming.headers['content-type']?.includes('form-urlencoded') === true;
        outgoing.writeHead(403, {
          'content-type': query ? 'text/xml' : 'application/json',
          'x-amzn-errortype': 'ExpiredTokenException',
        });
        outgoing.end(
          query
            ? `<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>${EXPIRED}</Message></Error></ErrorResponse>`
            : JSON.stringify({ message: EXPIRED }),
        );
      });
    });
    await new Promise<void>((resolve) => expired.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    expired.closeAllConnections();
    await new Promise((resolve) => expired.close(resolve));
  });
  beforeEach(() => {
    home = new Home();
  });
  afterEach(async () => {
    await home.rm({ docker: false });
  });

  const dead = 'http://127.0.0.1:9';
  const expiring = (): string => `http://127.0.0.1:${(expired.address() as AddressInfo).port}`;
  const unreadable = (): Record<string, string> => {
    const folder = join(home.dir, 'credentials');
    mkdirSync(folder);
    return { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
  };
  const wrongPrices = (): Record<string, string> => {
    const file = join(home.dir, 'prices.json');
    writeFileSync(file, '{"lambdaGbSecondArmUsd": "cheap"}');
    return { SPILLWAY_PRICES: file };
  };

  it.each([
    ['expired credentials', () => ({ AWS_ENDPOINT_URL: expiring() }), /expired.*get new credentials/],
    ['unreadable credentials', unreadable, /no usable AWS credentials.*set AWS_PROFILE/],
    [
      'a region that can’t be',
      () => ({ AWS_REGION: 'Frankfurt' }),
      /AWS_REGION is "Frankfurt".*such as eu-central-1/,
    ],
    [
      'no role’s ARN',
      () => ({ SPILLWAY_LAMBDA_ROLE_ARN: 'LabRole' }),
      /SPILLWAY_LAMBDA_ROLE_ARN is "LabRole".*such as arn:aws:iam::/,
    ],
    ['a dead endpoint', () => ({}), /ECONNREFUSED.*AWS_ENDPOINT_URL/],
    ['prices that aren’t', wrongPrices, /SPILLWAY_PRICES is .*lambdaGbSecondArmUsd/],
  ])('%s', async (_name, env, line) => {
    balancer = await home.start({ ...cloudEnv(home, dead), ...env() });
    const said = (): string[] =>
      balancer
        .lines('"msg":"cloud: ')
        .filter(({ level }) => Number(level) >= 40)
        .map(({ msg }) => String(msg));
    expect((await balancer.call('add', [2, 3])).result).toBe(5);
    await until('the log says what is wrong', () => said().length > 0, 50_000);
    expect(said()).toEqual([expect.stringMatching(line)]);
    expect(said()[0]).not.toContain('\n');
    expect((await balancer.call('add', [2, 3])).result).toBe(5);
    expect((await balancer.call('add', [2, 3], FORCED)).error).toMatchObject({ code: -32004 });
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });

  it('no credentials where nobody asked for a cloud: a word, and no fault', async () => {
    balancer = await home.start({
      ...cloudEnv(home, dead),
      SPILLWAY_CLOUD: 'auto',
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
    });
    await until('the log says so', () => balancer.lines('cloud: off').length > 0, 30_000);
    expect(balancer.lines('cloud: ')).toMatchObject([{ level: 30 }]);
    expect((await balancer.call('add', [2, 3])).result).toBe(5);
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });

  it('off: nothing is looked for', async () => {
    balancer = await home.start({ ...cloudEnv(home, dead), SPILLWAY_CLOUD: 'off' });
    expect((await balancer.call('add', [2, 3], FORCED)).error).toMatchObject({ data: { reason: 'off' } });
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect(balancer.lines('cloud: ')).toEqual([]);
  });
});
