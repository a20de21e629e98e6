/**
 * Runs once round all tests: names the containers that a test left behind. In CI that fails the run; on a developer's
 * machine the containers may be of a balancer that was started meanwhile, so there it is only said.
 */
import Docker from 'dockerode';

const LIST_MS = 10_000;

/** Containers of any pool by name; undefined without an engine. */
async function labelledContainers(): Promise<Set<string> | undefined> {
  try {
    const docker = new Docker();
    const found = await docker.listContainers({
      all: true,
      filters: { label: ['spillway.pool'] },
      abortSignal: AbortSignal.timeout(LIST_MS),
    });
    return new Set(found.map((container) => container.Names[0] ?? container.Id));
  } catch {
    return undefined;
  }
}

/** Called by vitest before the first test; what it returns, after the last. */
export default async function setup(): Promise<() => Promise<void>> {
  const before = await labelledContainers();
  return async () => {
    const left = [...((await labelledContainers()) ?? [])].filter((name) => before?.has(name) === false);
    if (left.length === 0) return;
    const message = `containers left behind by the tests: ${left.join(', ')}`;
    if (process.env['CI'] === 'true') throw new Error(message);
    console.warn(message);
  };
}
