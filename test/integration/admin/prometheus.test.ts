/** A real Prometheus reads a real daemon, and the dashboard's queries and the alerts that docs/ ships find what they ask for. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home, until } from '../../support/balancer.ts';
import { findProgram } from '../../support/find-program.ts';
import { freePort } from '../../support/free-port.ts';

const ROOT = join(import.meta.dirname, '../../..');
const TOKEN = 'a-token-for-tests-0123456789';
/** Queries of things that don't happen here. */
const EMPTY = ['sum by (reason) (rate(spillway_retries_total[30s]))'];
const found = findProgram(['prometheus'], 'a real Prometheus beside the balancer');

interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
}

interface PrometheusAnswer {
  readonly data: {
    readonly result: readonly unknown[];
    readonly activeTargets: readonly { readonly health: string; readonly lastError: string }[];
    readonly groups: readonly {
      readonly rules: readonly { name: string; health: string; state: string }[];
    }[];
  };
}

let home: Home;
let prometheus: ChildProcess | undefined;
let url: string;

async function ask(path: string): Promise<PrometheusAnswer['data']> {
  const response = await fetch(`${url}/api/v1/${path}`);
  return ((await response.json()) as PrometheusAnswer).data;
}

/** The shipped configuration, with this test's address, token and haste. */
function configuration(target: string): string {
  const shipped = readFileSync(join(ROOT, 'docs/monitoring/prometheus.yml'), 'utf8');
  const token = join(home.dir, 'token');
  writeFileSync(token, TOKEN);
  return shipped
    .replace('- alerts.yml', `- ${join(ROOT, 'docs/monitoring/alerts.yml')}`)
    .replace('scrape_interval: 5s', 'scrape_interval: 200ms')
    .replace('/run/spillway/admin-token', token)
    .replace('127.0.0.1:8081', target)
    .concat('global: { evaluation_interval: 200ms }\n');
}

async function startPrometheus(program: string, adminUrl: string): Promise<void> {
  const file = join(home.dir, 'prometheus.yml');
  writeFileSync(file, configuration(new URL(adminUrl).host));
  const data = join(home.dir, 'data');
  mkdirSync(data);
  const listen = `127.0.0.1:${await freePort()}`;
  url = `http://${listen}`;
  const options = [`--config.file=${file}`, `--storage.tsdb.path=${data}`, `--web.listen-address=${listen}`];
  prometheus = spawn(program, options, { stdio: 'ignore' });
  await until('Prometheus answers', async () => {
    const response = await fetch(`${url}/-/ready`).catch(() => undefined);
    await response?.arrayBuffer();
    return response?.ok === true;
  });
}

describe.skipIf(found.program === undefined)('Prometheus', () => {
  beforeAll(async () => {
    home = new Home();
    const balancer = await home.start({
      SPILLWAY_RUNTIME: 'process',
      SPILLWAY_WORKERS: '1',
      SPILLWAY_ADMIN_TOKEN: TOKEN,
    });
    await balancer.call('add', [1, 2]);
    await balancer.call('add', ['not a number']);
    await startPrometheus(
      String(found.program),
      String(balancer.lines('admin page opened')[0]?.['adminUrl']),
    );
    // A rate wants two readings.
    await until('it has read twice', async () => {
      const [readings] = (await ask('query?query=count_over_time(up[1m])')).result as {
        value: [number, string];
      }[];
      return Number(readings?.value[1] ?? 0) >= 2;
    });
  });

  afterAll(async () => {
    if (prometheus?.exitCode === null) {
      prometheus.kill('SIGTERM');
      await once(prometheus, 'exit');
    }
    await home.rm({ docker: false });
  });

  it('can read what the balancer says of itself', async () => {
    expect((await ask('targets')).activeTargets).toMatchObject([{ health: 'up', lastError: '' }]);
  });

  it('has an answer to each query of the dashboard', async () => {
    const text = readFileSync(join(ROOT, 'docs/grafana-dashboard.json'), 'utf8');
    const queries = (JSON.parse(text) as Dashboard).panels
      .flatMap(({ targets = [] }) => targets)
      .map(({ expr }) => expr.replaceAll('$__rate_interval', '30s'));
    const empty: string[] = [];
    for (const query of queries) {
      const { result } = await ask(`query?${new URLSearchParams({ query }).toString()}`);
      if (result.length === 0) empty.push(query);
    }
    expect(queries.length).toBeGreaterThan(20);
    expect(empty).toEqual(EMPTY);
  });

  it('takes the alerts, and none fires while all is well', async () => {
    const rules = async (): Promise<{ name: string; health: string; state: string }[]> =>
      (await ask('rules')).groups.flatMap((group) => group.rules);
    await until('the alerts are evaluated', async () =>
      (await rules()).every(({ health }) => health !== 'unknown'),
    );
    const seen = await rules();
    expect(seen).toHaveLength(9);
    for (const rule of seen) expect(rule).toMatchObject({ health: 'ok', state: 'inactive' });
  });
});

const promtool = findProgram(['promtool'], 'trying the alerts out');

describe.skipIf(promtool.program === undefined)('each alert', () => {
  it('fires at its trouble, and only at that', () => {
    const said = execFileSync(
      String(promtool.program),
      ['test', 'rules', join(ROOT, 'test/fixtures/alerts.test.yml')],
      { encoding: 'utf8' },
    );
    expect(said).toContain('SUCCESS');
  });
});
