/**
 * Restarts a balancer again and again under load, and counts the calls that fail:
 *
 *     node scripts/restarts.ts [--restarts N] [--runtime process|docker]
 *
 * Prints how long clients waited at most; exits 1 if a call failed or a worker was started anew.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Home, until, type Balancer } from '../test/support/balancer.ts';
import { readOptions } from './options.ts';
import { Journal, type Errand } from './soak/journal.ts';

const CLIENTS = 8;
/** The pause between restarts, in milliseconds. */
const BETWEEN_MS = 200;
const TIMEOUT_MS = 30_000;

/** Answers after a random while with what it was given. */
function naptime(): Errand {
  const ms = Math.floor(Math.random() * 40);
  const token = Math.random();
  return {
    method: 'naptime',
    params: [ms, token],
    fault: (result) => (result === token ? undefined : `${String(result)} in place of ${token}`),
    mayFailWith: [],
  };
}

/** Restarts once; resolves when the new version is ready. @throws if it refuses */
async function restart(balancer: Balancer): Promise<void> {
  const before = balancer.lines('"msg":"ready').length;
  balancer.process.kill('SIGUSR2');
  await until(
    'the new version is ready',
    () => balancer.lines('"msg":"ready').length > before,
    TIMEOUT_MS * 2,
  );
}

async function main(): Promise<number> {
  const { restarts = 50, runtime = 'process' } = readOptions(
    'node scripts/restarts.ts [--restarts N] [--runtime process|docker]',
    { restarts: 'count', runtime: { choice: ['process', 'docker'] } },
  );
  const home = new Home();
  const journals: Journal[] = [];
  try {
    const balancer = await home.start({ SPILLWAY_RUNTIME: runtime, SPILLWAY_WORKERS: '2' });
    const port = Number(new URL(balancer.url).port);
    let over = false;
    const clients = Array.from({ length: CLIENTS }, async (_, i) => {
      const journal = new Journal(`c${i}`, port, TIMEOUT_MS, i % 2 === 0);
      journals.push(journal);
      while (!over) await journal.call(naptime());
    });
    for (let i = 0; i < restarts; i++) {
      await restart(balancer);
      await sleep(BETWEEN_MS);
    }
    over = true;
    await Promise.all(clients);
    for (const journal of journals) journal.close();
    // Under load there are more than two workers; of those that were there each has to come back.
    const lost = [...balancer.lines('worker lost'), ...balancer.lines('is not coming back')];
    const tookOver = balancer.lines('workers taken over').length;
    await balancer.kill('SIGTERM');
    const calls = journals.reduce((sum, { tally }) => sum + tally.asked, 0);
    const failed = journals.reduce((sum, { breached }) => sum + breached, 0);
    const slowest = Math.round(Math.max(...journals.map(({ tally }) => tally.slowestMs)));
    console.log(
      `${restarts} restarts, ${calls} calls, ${failed} failed, the longest wait ${slowest} ms, ` +
        `${tookOver} took the workers over, ${lost.length} workers lost`,
    );
    for (const { tally } of journals) for (const line of tally.breaches.slice(0, 5)) console.log(`  ${line}`);
    return failed > 0 || lost.length > 0 || tookOver < restarts ? 1 : 0;
  } finally {
    await home.rm({ docker: runtime === 'docker' });
  }
}

process.exitCode = await main();
