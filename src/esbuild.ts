/** esbuild, kept only as long as it is needed. */
import * as esbuild from 'esbuild';

let working = 0;

/**
 * Runs `work` with esbuild, and stops esbuild's own process when nobody here needs it any more: idle it would hold
 * 125 MB for the life of the balancer. Everything in this process that builds must go through here, as the process is shared.
 */
export async function withEsbuild<T>(work: (bundler: typeof esbuild) => Promise<T>): Promise<T> {
  working++;
  try {
    return await work(esbuild);
  } finally {
    working--;
    if (working === 0) await esbuild.stop();
  }
}
