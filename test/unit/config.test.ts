import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigFault, parseConfig } from '../../src/config.ts';
import { SETTINGS } from '../../src/settings.ts';

/** The faults of an environment; empty if it is accepted. */
function faults(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigFault) return error.faults;
    throw error;
  }
}

describe('without any setting', () => {
  it('takes the defaults of the contract', () => {
    expect(parseConfig({})).toEqual({
      host: '127.0.0.1',
      port: 8080,
      adminHost: '127.0.0.1',
      adminPort: 8081,
      pool: undefined,
      workers: 2,
      workerSlots: 1,
      runtime: 'auto',
      workerImage: undefined,
      workerMemoryBytes: 536_870_912,
      workerCpus: 1,
      workerNetwork: 'bridge',
      functionsDir: 'handler/functions',
      functionEnvFile: undefined,
      policy: 'round-robin',
      maxQueue: 1000,
      timeoutMs: 30_000,
      drainMs: 5000,
      maxBodyBytes: 6_291_456,
      maxBatch: 1000,
      standbys: 2,
      standbysSet: false,
      standbyMs: 600_000,
      offload: 'predictive',
      offloadWaitMs: 50,
      offloadUsdPerHour: 10,
      cloud: 'auto',
      lambdaRoleArn: undefined,
      lambdaMemoryMb: 1769,
      lambdaArchitecture: 'arm64',
      gatewayUrl: undefined,
      cloudBudgetUsd: 1,
      pricesFile: undefined,
      publishMetrics: false,
      costAlarm: false,
      apiKeys: [],
      insecure: false,
      backendChoice: false,
      fastLane: true,
      adminToken: undefined,
      stateDir: '.spillway',
      logLevel: 'info',
      awsRegion: undefined,
      awsEndpointUrl: undefined,
    });
  });

  it('takes an empty variable as unset, whatever the setting', () => {
    const empty = Object.fromEntries(Object.values(SETTINGS).map(({ name }) => [name, '']));
    expect(parseConfig(empty)).toEqual(parseConfig({}));
    expect(faults({ SPILLWAY_NO_SUCH_THING: '' })).toEqual([]);
  });
});

describe('values', () => {
  it.each([
    ['512m', 512 * 2 ** 20],
    ['512M', 512 * 2 ** 20],
    ['512mb', 512 * 2 ** 20],
    ['1g', 2 ** 30],
    ['1GB', 2 ** 30],
    ['102400k', 100 * 2 ** 20],
    ['104857600', 100 * 2 ** 20],
    ['104857600b', 100 * 2 ** 20],
  ])('reads the size %s as %i bytes', (text, bytes) => {
    expect(parseConfig({ SPILLWAY_WORKER_MEMORY: text }).workerMemoryBytes).toBe(bytes);
  });

  it.each(['1.5g', '6 mb', '6mib', '-6mb', 'mb', '0x100000', '1e9', '6tb', '63m', '2000g', '9'.repeat(30)])(
    'refuses the size %s',
    (text) => {
      expect(faults({ SPILLWAY_WORKER_MEMORY: text })).toHaveLength(1);
    },
  );

  it.each(['1e3', ' 2 ', '2 ', '0x10', '+2', '-1', '2.0', '02', '2n', '1_000', '٢', 'Infinity', '0', '1001'])(
    'refuses %j workers',
    (text) => {
      expect(faults({ SPILLWAY_WORKERS: text })).toEqual([
        `SPILLWAY_WORKERS is ${JSON.stringify(text)}; use a whole number from 1 to 1000`,
      ]);
    },
  );

  it('reads every whole number in range, and no other', () => {
    fc.assert(
      fc.property(fc.integer(), (number) => {
        const fits = number >= 0 && number <= 65_535;
        expect(faults({ SPILLWAY_PORT: String(number), SPILLWAY_ADMIN_PORT: '0' })).toHaveLength(
          fits ? 0 : 1,
        );
      }),
    );
  });

  it.each([
    ['SPILLWAY_TIMEOUT_MS', '2147483647', 0],
    ['SPILLWAY_TIMEOUT_MS', '2147483648', 1],
    ['SPILLWAY_TIMEOUT_MS', '0', 1],
    ['SPILLWAY_DRAIN_MS', '0', 0],
    ['SPILLWAY_QUEUE', '0', 0],
    ['SPILLWAY_WORKER_CPUS', '0.5', 0],
    ['SPILLWAY_WORKER_CPUS', '0', 1],
    ['SPILLWAY_WORKER_CPUS', '.5', 1],
    ['SPILLWAY_CLOUD_BUDGET_USD', '0', 0],
    ['SPILLWAY_CLOUD_BUDGET_USD', '-1', 1],
    ['SPILLWAY_CLOUD_BUDGET_USD', '$1', 1],
    ['SPILLWAY_BACKEND_CHOICE', 'true', 0],
    ['SPILLWAY_BACKEND_CHOICE', 'yes', 1],
    ['SPILLWAY_POLICY', 'Round-Robin', 1],
    ['SPILLWAY_POOL', 'a pool', 1],
    ['SPILLWAY_POOL', 'pool-1', 0],
    ['SPILLWAY_LAMBDA_ROLE_ARN', 'arn:aws:iam::123456789012:role/LabRole', 0],
    // Whether it can be one is for the cloud to say, which must not keep the pool from starting.
    ['SPILLWAY_LAMBDA_ROLE_ARN', 'LabRole', 0],
    ['SPILLWAY_LAMBDA_ARCHITECTURE', 'x86_64', 0],
    ['SPILLWAY_LAMBDA_ARCHITECTURE', 'x86', 1],
    ['SPILLWAY_PUBLISH_METRICS', 'yes', 1],
    ['SPILLWAY_COST_ALARM', 'true', 1],
    ['SPILLWAY_GATEWAY_URL', 'ftp://127.0.0.1', 1],
    ['SPILLWAY_GATEWAY_URL', 'http://127.0.0.1:4566/x?y=1', 1],
    ['SPILLWAY_WORKER_IMAGE', '127.0.0.1:5000/a/b:1@sha256:00', 0],
    ['SPILLWAY_WORKER_IMAGE', '--privileged', 1],
    ['SPILLWAY_LOG_LEVEL', 'silent', 0],
    ['AWS_ENDPOINT_URL', 'localhost:4566', 1],
  ])('%s=%s has %i faults', (name, text, count) => {
    expect(faults({ [name]: text })).toHaveLength(count);
  });

  it('takes the slash off the end of a base URL', () => {
    const { gatewayUrl } = parseConfig({ SPILLWAY_GATEWAY_URL: 'http://127.0.0.1:4566/_aws/execute-api/' });
    expect(gatewayUrl).toBe('http://127.0.0.1:4566/_aws/execute-api');
  });

  it('splits the keys at commas, and accepts none that is empty', () => {
    expect(parseConfig({ SPILLWAY_API_KEYS: 'one, two' }).apiKeys).toEqual(['one', 'two']);
    for (const text of [',', 'one,', ' ', 'one,,two', 'o ne', 'önë']) {
      expect(faults({ SPILLWAY_API_KEYS: text })).toHaveLength(1);
    }
  });

  it('keeps one standby a worker, unless told otherwise', () => {
    expect(parseConfig({ SPILLWAY_WORKERS: '5' }).standbys).toBe(5);
    expect(parseConfig({ SPILLWAY_WORKERS: '5', SPILLWAY_STANDBYS: '0' }).standbys).toBe(0);
  });
});

describe('hosts', () => {
  it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST'])(
    'takes %s as loopback: no key is needed',
    (host) => {
      expect(faults({ SPILLWAY_HOST: host })).toEqual([]);
    },
  );

  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.org', '128.0.0.1', '::ffff:10.0.0.1'])(
    'wants keys, or the word, for %s',
    (host) => {
      expect(faults({ SPILLWAY_HOST: host })).toEqual([
        expect.stringContaining(`SPILLWAY_HOST is "${host}"`),
      ]);
      expect(faults({ SPILLWAY_HOST: host, SPILLWAY_API_KEYS: 'k' })).toEqual([]);
      expect(faults({ SPILLWAY_HOST: host, SPILLWAY_INSECURE: 'true' })).toEqual([]);
      // The admin API always wants its token.
      expect(faults({ SPILLWAY_ADMIN_HOST: host })).toEqual([]);
    },
  );

  it.each([
    '[::1]',
    'http://localhost',
    'localhost:80',
    '127.0.0.256',
    '127.1',
    ' 127.0.0.1',
    '-a',
    'a..b',
    '*',
  ])('refuses %j', (host) => {
    const said = faults({ SPILLWAY_HOST: host, SPILLWAY_API_KEYS: 'k', SPILLWAY_ADMIN_HOST: host });
    expect(said.map((fault) => fault.split(' ')[0])).toEqual(['SPILLWAY_HOST', 'SPILLWAY_ADMIN_HOST']);
  });
});

describe('combinations', () => {
  it.each([
    [{}, false],
    [{ SPILLWAY_ADMIN_HOST: 'localhost' }, false],
    [{ SPILLWAY_HOST: '0.0.0.0', SPILLWAY_INSECURE: 'true' }, false],
    [{ SPILLWAY_ADMIN_HOST: '192.168.1.5' }, true],
  ])('one port for both with %o: allowed %s', (env, allowed) => {
    const same = { ...env, SPILLWAY_PORT: '9000', SPILLWAY_ADMIN_PORT: '9000' };
    expect(faults(same).length === 0).toBe(allowed);
    expect(faults({ ...env, SPILLWAY_PORT: '0', SPILLWAY_ADMIN_PORT: '0' })).toEqual([]);
  });

  it('refuses standbys that could never be', () => {
    expect(faults({ SPILLWAY_STANDBYS: '3' })).toEqual([
      'SPILLWAY_STANDBYS is "3"; use at most SPILLWAY_WORKERS (2), no more are ever scaled in',
    ]);
  });
});

describe('faults', () => {
  it('names all of them at once', () => {
    const said = faults({
      SPILLWAY_PORT: '80x',
      SPILLWAY_HOST: '0.0.0.0',
      SPILLWAY_RUNTIME: 'podman',
      SPILLWAY_POOLICY: 'least-busy',
    });
    expect(said).toEqual([
      'SPILLWAY_POOLICY is not a setting; did you mean SPILLWAY_POLICY?',
      'SPILLWAY_PORT is "80x"; use a whole number from 0 to 65535',
      'SPILLWAY_RUNTIME is "podman"; use one of auto, docker, process',
      expect.stringMatching(/^SPILLWAY_HOST is "0\.0\.0\.0".*SPILLWAY_API_KEYS.*SPILLWAY_INSECURE=true/),
    ]);
  });

  it.each([
    ['SPILLWAY_WORKER', 'SPILLWAY_WORKERS'],
    ['SPILLWAY_TIMEOUT', 'SPILLWAY_TIMEOUT_MS'],
    ['spillway_port', 'SPILLWAY_PORT'],
    ['SPILLWAY_APIKEYS', 'SPILLWAY_API_KEYS'],
  ])('takes %s for a mistyped %s', (name, meant) => {
    expect(faults({ [name]: 'x' })).toEqual([`${name} is not a setting; did you mean ${meant}?`]);
  });

  it('guesses nothing where nothing is near, and leaves other programs alone', () => {
    expect(faults({ SPILLWAY_QUITE_ANOTHER_THING: 'x' })).toEqual([
      'SPILLWAY_QUITE_ANOTHER_THING is not a setting; the settings are listed in .env.example',
    ]);
    expect(faults({ PATH: '/bin', SPILLWAYS: 'x', MY_SPILLWAY_PORT: 'x' })).toEqual([]);
  });

  it('never says a secret', () => {
    const secret = 'hunter2';
    const said = faults({
      SPILLWAY_API_KEYS: `${secret} ${secret}`,
      SPILLWAY_API_KEY: secret,
      SPILLWAY_ADMIN_TOKEN: `${secret} ${secret}`,
      SPILLWAY_GATEWAY_URL: `http://me:${secret}@/x@127.0.0.1`,
      AWS_ENDPOINT_URL: `http://${secret}@127.0.0.1`,
    });
    expect(said).toHaveLength(5);
    expect(said.join('\n')).not.toContain(secret);
  });

  it('quotes a long value only in part', () => {
    const [said = ''] = faults({ SPILLWAY_POLICY: 'x'.repeat(10_000) });
    expect(said.length).toBeLessThan(200);
  });
});
