/** For tests that need a Docker engine: says whether there is one, and cleans up after them. */

import Docker from 'dockerode';

/** The engine, or why there is none. */
export type FoundEngine =
  { readonly docker: Docker; readonly missing?: undefined } | { readonly missing: string };

/**
 * Looks for an engine and the base image. Without them tests are to be skipped, which is said on stderr; with CI=true
 * that is an error.
 */
export async function findEngine(what: string): Promise<FoundEngine> {
  try {
    const docker = new Docker();
    await Promise.race([
      docker.ping(),
      new Promise((_, reject) => setTimeout(reject, 3000, new Error('no answer'))),
    ]);
    return { docker };
  } catch (error) {
    const missing = `no Docker engine (${error instanceof Error ? error.message : String(error)})`;
    if (process.env['CI'] === 'true') throw new Error(`${what} must not be skipped with CI=true: ${missing}`);
    process.stderr.write(`skipped: ${what}: ${missing}\n`);
    return { missing };
  }
}

/** Removes every container of a pool. */
export async function removePool(docker: Docker, pool: string): Promise<void> {
  const found = await docker.listContainers({ all: true, filters: { label: [`spillway.pool=${pool}`] } });
  await Promise.all(
    found.map(({ Id }) =>
      docker
        .getContainer(Id)
        .remove({ force: true })
        .catch(() => {}),
    ),
  );
}
