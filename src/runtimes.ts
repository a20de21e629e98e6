/** Which runtimes may serve the pool: a part of the composition root. */
import { join } from 'node:path';
import type { Config } from './config.ts';
import type { Logger } from './log.ts';
import type { Launcher } from './runtime/launcher.ts';
import { openProcessLauncher } from './runtime/process.ts';
import type { WorkerProgram } from './runtime/program.ts';
import type { State } from './state.ts';

/** A way to run workers, and what is said when the next one has to serve instead. */
export interface Runtime {
  readonly name: string;
  open(): Promise<Launcher>;
  readonly orElse: string | undefined;
}

/** The ways to run workers here, in the order in which they are tried. */
export function runtimes(
  config: Config,
  state: Pick<State, 'dir' | 'runDir' | 'pool' | 'owner'>,
  program: WorkerProgram,
  log: Logger,
  onProgress: (step: string) => void,
): Runtime[] {
  const common = {
    program,
    socketDir: state.runDir,
    slots: config.workerSlots,
    memoryBytes: config.workerMemoryBytes,
    log,
  };
  const docker: Runtime = {
    name: 'containers',
    // Loaded only where it is needed: the engine's client takes 20 MB.
    open: async () => {
      const { openDockerLauncher } = await import('./runtime/docker.ts');
      return await openDockerLauncher({
        ...common,
        pool: config.pool ?? state.pool,
        owner: state.owner,
        image: config.workerImage,
        cpus: config.workerCpus,
        network: config.workerNetwork,
        onProgress,
      });
    },
    orElse:
      config.runtime === 'auto'
        ? 'No container can serve here, so workers run as processes of this user, with weaker isolation. The reason'
        : undefined,
  };
  const processes: Runtime = {
    name: 'processes of this user, with weaker isolation than containers',
    open: () => openProcessLauncher({ ...common, dir: join(state.dir, 'workers') }),
    orElse: undefined,
  };
  switch (config.runtime) {
    case 'auto':
      return [docker, processes];
    case 'docker':
      return [docker];
    case 'process':
      return [processes];
  }
}
