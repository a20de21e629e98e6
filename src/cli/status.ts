/** status: the balancer in a few lines. */
import type { Status, WorkerStatus } from '../admin/operations.ts';
import { EXIT, type Command } from './command.ts';
import { ms, usd, type Output, type Tone } from './output.ts';

/** `spillway status`. */
export const status: Command = {
  name: 'status',
  usage: '',
  summary: 'pool, workers, cloud and calls in a few lines',
  words: [0, 0],
  async run({ daemon, output }) {
    const found = (await daemon.admin('status')) as Status;
    if (output.json) output.value(found);
    else for (const line of statusLines(found, output)) output.line(line);
    return EXIT.ok;
  },
};

/** The status as people read it. */
export function statusLines(found: Status, output: Output): string[] {
  const { pool, cloud, offload, calls } = found;
  const reason = pool.runtimeReason === undefined ? '' : output.tone('warning', ` (${pool.runtimeReason})`);
  const cloudReason = cloud.reason === undefined || cloud.reason === cloud.state ? '' : `: ${cloud.reason}`;
  return [
    `${output.tone('strong', `Spillway ${found.version}`)}  up ${duration(found.uptimeMs)}`,
    `pool    ${pool.id}, ${runtimeWords(pool.runtime)}${reason}`,
    `        ${pool.ready} of ${pool.min} to ${pool.max} workers ready, ${tenths(pool.busySlots)} of ${pool.slots} slots busy, ` +
      `${pool.queued} calls wait, expected wait ${ms(pool.expectedWaitMs)}`,
    ...(pool.scaling === undefined ? [] : [`scaling ${pool.scaling.target} workers: ${pool.scaling.reason}`]),
    `cloud   ${output.tone(cloudTone(cloud.state), cloud.state)}${cloudReason}, ${cloud.calls} calls, ` +
      `${usd(cloud.costTodayUsd)} of ${usd(cloud.budgetUsd)} today`,
    ...(cloud.detail === undefined ? [] : [output.tone('faint', `        ${cloud.detail}`)]),
    `offload ${offload.policy}${offload.policy === 'threshold' ? `, from a wait of ${ms(offload.waitMs)}` : ''}`,
    `calls   ${calls.total}, ${calls.failed} failed, ${calls.offloaded} offloaded, ${calls.retried} placed again`,
    '',
    ...workerTable(pool.workers, output),
  ];
}

/** Calls may share a slot, so that a part of it is busy. */
function tenths(slots: number): string {
  return slots > 0 && slots < 0.1 ? '<0.1' : String(Math.round(slots * 10) / 10);
}

/** A line for each worker. */
function workerTable(workers: readonly WorkerStatus[], output: Output): string[] {
  const rows = workers.map((worker) => [
    worker.id,
    output.tone(workerTone(worker.state), worker.state),
    `${tenths(worker.busySlots)}/${worker.slots}`,
    String(worker.calls),
    String(worker.failures),
    worker.cpu === undefined ? '–' : `${Math.round(worker.cpu * 100)}%`,
    worker.memoryMb === undefined ? '–' : `${Math.round(worker.memoryMb)} MB`,
    worker.containerId?.slice(0, 12) ?? (worker.pid === undefined ? '–' : `pid ${worker.pid}`),
    worker.reason ?? '',
  ]);
  return output.table(['worker', 'state', 'busy', 'calls', 'failed', 'cpu', 'memory', 'runs as', ''], rows);
}

function workerTone(state: WorkerStatus['state']): Tone {
  if (state === 'ready') return 'good';
  return state === 'ejected' || state === 'gone' ? 'bad' : 'warning';
}

function cloudTone(state: Status['cloud']['state']): Tone {
  if (state === 'ready') return 'good';
  return state === 'degraded' ? 'bad' : 'faint';
}

function runtimeWords(runtime: Status['pool']['runtime']): string {
  return { docker: 'containers', process: 'processes', none: 'starting' }[runtime];
}

function duration(uptimeMs: number): string {
  const minutes = Math.floor(uptimeMs / 60_000);
  if (minutes < 1) return `${Math.round(uptimeMs / 1000)} s`;
  if (minutes < 120) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
