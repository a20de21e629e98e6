/** What a worker is told in its environment, the same in every runtime. */

import type { WorkerOrder } from './launcher.ts';

/** What the environment of a worker depends on, apart from its order. */
export interface WorkerSurroundings {
  /** Where the balancer listens, as the worker sees the path. */
  readonly socketPath: string;
  readonly slots: number;
  /** Of the whole worker: the control process and all its slots. */
  readonly memoryBytes: number;
  /** How long the worker redials a lost balancer before it exits. */
  readonly orphanMs: number;
  /** A folder of the worker's own. */
  readonly tmp: string;
}

/** Memory kept for the control process, which measured 45 MB resident with a bundle loaded. */
const CONTROL_MEMORY_MB = 64;

/** A slot's heap limit is this share of its part; the rest is for what lies outside the heap: code, stacks, buffers. */
const HEAP_SHARE = 0.75;

/** Node doesn't start user code in less. */
const MIN_SLOT_MEMORY_MB = 32;

/** The name of the balancer's socket in the folder that the workers see. */
export const SOCKET_NAME = 'balancer.sock';

/**
 * The heap limit of one slot, in MB: its part of the worker's memory after the control process, × 0.75, at least 32.
 * For example 512 MB and one slot: (512 − 64) × 0.75 = 336.
 */
export function slotMemoryMb(memoryBytes: number, slots: number): number {
  const forSlotsMb = memoryBytes / 2 ** 20 - CONTROL_MEMORY_MB;
  return Math.max(MIN_SLOT_MEMORY_MB, Math.floor((forSlotsMb * HEAP_SHARE) / slots));
}

/** The variables that a worker gets; there are no others. */
export function workerEnvironment(
  order: WorkerOrder,
  surroundings: WorkerSurroundings,
): Record<string, string> {
  return {
    SPILLWAY_SOCKET: surroundings.socketPath,
    SPILLWAY_WORKER: order.id,
    SPILLWAY_TOKEN: order.token,
    SPILLWAY_SLOTS: String(surroundings.slots),
    SPILLWAY_SLOT_MEMORY_MB: String(slotMemoryMb(surroundings.memoryBytes, surroundings.slots)),
    SPILLWAY_ORPHAN_MS: String(surroundings.orphanMs),
    SPILLWAY_TMP: surroundings.tmp,
  };
}

/**
 * Ids become container and file names, so nothing else may stand in them.
 * @throws Error naming the id
 */
export function assertWorkerId(id: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(id)) {
    throw new Error(`${JSON.stringify(id)} is no worker id: use up to 64 letters, digits and "-"`);
  }
}
