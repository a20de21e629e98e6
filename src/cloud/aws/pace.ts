/** Keeps control-plane operations apart that AWS limits to one in so many seconds (docs: API Gateway quotas). */
import { pause } from '../pause.ts';

/** The least time between two calls of an operation, in milliseconds. */
const INTERVALS_MS: Readonly<Record<string, number>> = {
  CreateDeploymentCommand: 5000,
  CreateRestApiCommand: 3000,
  DeleteRestApiCommand: 30_000,
  CreateUsagePlanCommand: 20_000,
  UpdateUsagePlanCommand: 20_000,
  DeleteUsagePlanCommand: 20_000,
};

/** Decides when an operation may be called. */
export interface Pacer {
  /** Settles when it is this operation's turn; rejects if `signal` aborts before. */
  turn(operation: string, signal?: AbortSignal): Promise<void>;
}

/** A pacer that remembers its own calls; the first of each operation never waits. */
export function createPacer(intervalsMs: Readonly<Record<string, number>> = INTERVALS_MS): Pacer {
  const freeAt = new Map<string, number>();
  return {
    turn: async (operation, signal) => {
      const intervalMs = intervalsMs[operation];
      if (intervalMs === undefined) return;
      const now = performance.now();
      const at = Math.max(now, freeAt.get(operation) ?? 0);
      freeAt.set(operation, at + intervalMs);
      if (at > now) await pause(at - now, signal);
    },
  };
}
