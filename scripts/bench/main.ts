/**
 * npm run bench [-- --quick] [--docker] [--lanes] [--only SECTION,…]: this balancer beside its peers, in turn, in one run. The load
 * and all processes share this machine's cores, so only the ratios mean anything. --quick compares with HAProxy alone
 * and fails if the ratio has fallen well below the recorded one, three times in a row. --lanes: this balancer without its fast lane, too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare } from './compare.ts';
import { haproxy, jaysonRelay, nginx, origin, spillway, type Contender } from './contenders.ts';
import { guard, recordedRatio, type Attempt } from './guard.ts';
import { load } from './load.ts';
import { whyNot } from './processes.ts';
import { tableHead, tableRows } from './report.ts';
import * as sections from './sections.ts';
import { readOptions } from '../options.ts';
import { ADD } from './work.ts';

const FULL = { rounds: 5, seconds: 3 };
const QUICK = { rounds: 5, seconds: 2 };
const WARM_UP_SECONDS = 2;

const SECTIONS: Readonly<Record<string, (bench: sections.Bench) => Promise<unknown>>> = {
  singles: sections.singles,
  payloads: sections.payloads,
  functions: sections.functions,
  batches: sections.batches,
  below: sections.belowSaturation,
  memory: sections.memory,
  // What a call to the cloud costs beside a bare request; it measures as it is loaded.
  offload: () => import('./offload.ts'),
};

const out = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const values = readOptions('npm run bench [-- --quick] [--docker] [--lanes] [--only SECTION,…]', {
  quick: 'switch',
  docker: 'switch',
  lanes: 'switch',
  only: { list: Object.keys(SECTIONS) },
});
const wanted = values.only ?? Object.keys(SECTIONS);
for (const program of values.quick ? ['wrk', 'haproxy'] : ['wrk']) {
  const missing = whyNot(program);
  if (missing !== undefined) {
    process.stderr.write(`bench: ${missing}\n`);
    process.exit(1);
  }
}

const dir = mkdtempSync(join(tmpdir(), 'spw-bench-'));
const contenders: Contender[] = [];
try {
  contenders.push(await spillway(dir, { runtime: values.docker ? 'docker' : 'process' }));
  if (values.quick) await quick();
  else await full();
} finally {
  await Promise.all(contenders.map((contender) => contender.stop()));
  rmSync(dir, { recursive: true, force: true });
}

async function warmUp(): Promise<void> {
  for (const { url, says } of contenders) {
    await load(dir, ADD, { url, connections: 64, seconds: WARM_UP_SECONDS, ...says });
  }
}

async function quick(): Promise<void> {
  contenders.push(await haproxy(dir));
  await warmUp();
  const entries = contenders.map((contender) => ({ contender, work: ADD }));
  const attempt = async (): Promise<Attempt> => {
    const [own, peer] = await compare(dir, entries, 64, QUICK);
    if (own === undefined || peer === undefined) throw new Error('nothing was measured');
    out(`${tableHead()}\n${tableRows([own, peer], own)}\n`);
    return { own: own.rates, peer: peer.rates, errors: own.errors };
  };
  if (!(await guard(attempt, recordedRatio(), out))) process.exitCode = 1;
}

async function full(): Promise<void> {
  if (values.lanes) contenders.push(await spillway(dir, { name: 'node-lane', fastLane: false }));
  for (const [program, start] of [
    ['haproxy', haproxy],
    ['nginx', nginx],
    ['node', jaysonRelay],
    ['python3', origin],
  ] as const) {
    const why = whyNot(program);
    if (why === undefined) contenders.push(await start(dir));
    else out(`left out: ${why}`);
  }
  await warmUp();
  out(
    `${FULL.rounds} rounds of ${FULL.seconds} s each in turn; medians. Ratios are spillway's over the row's.`,
  );
  for (const name of wanted) {
    out(`\n## ${name}`);
    await SECTIONS[name]?.({ dir, effort: FULL, contenders, out });
  }
}
