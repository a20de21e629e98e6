/** esbuild, kept only as long as it is needed. */
import type * as esbuild from 'esbuild';

let working = 0;
let bundler: typeof esbuild | undefined;

/**
 * Runs `work` with esbuild, and stops esbuild's own process when nobody here needs it any more: idle it would hold
 * 125 MB for the life of the balancer. Everything in this process that builds must go through here, as the process is shared.
 */
export async function withEsbuild<T>(work: (bundler: typeof esbuild) => Promise<T>): Promise<T> {
  working++;
  try {
    // Loaded only now: a start that takes over what was built needs it later, or never.
    bundler ??= await import('esbuild');
    return await work(bundler);
  } finally {
    working--;
    if (working === 0) await bundler?.stop();
  }
}
