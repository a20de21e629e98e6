/** Workers as containers of the Docker engine. Only the docker*.ts files of this folder know dockerode. */

import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { Logger } from 'pino';
import { answer, connectEngine, messageOf, statusOf } from './docker-client.ts';
import {
  OWNER_LABEL,
  RECIPE_LABEL,
  containerName,
  poolLabels,
  recipeOf,
  workerContainer,
  type ContainerSpec,
} from './docker-container.ts';
import { containerExit } from './docker-exit.ts';
import { socketMount } from './docker-host.ts';
import { ensureImage } from './docker-image.ts';
import { containerUsage } from './docker-usage.ts';
import type {
  LaunchedWorker,
  Launcher,
  ListedWorker,
  WorkerExit,
  WorkerOrder,
  WorkerUsage,
} from './launcher.ts';
import type { WorkerProgram } from './program.ts';
import { assertWorkerId } from './worker-environment.ts';

/** How the workers of a pool are made as containers. */
export interface DockerLauncherOptions {
  /** The pool's name; letters, digits, `_`, `.` and `-`. */
  readonly pool: string;
  /** By which this balancer's containers are told from those of another one that uses the same pool's name. */
  readonly owner: string;
  /** The folder with the balancer's socket, as the balancer sees it. Its socket must be open to uid 1000. */
  readonly socketDir: string;
  readonly program: WorkerProgram;
  /** An image of the operator's own, used as it is; pulled if it is missing. Without one the image is built. */
  readonly image?: string | undefined;
  /** Limit of one worker, its slots included. */
  readonly memoryBytes: number;
  /** Cores that one worker may use; clamped to the machine's. */
  readonly cpus: number;
  /** A Docker network mode: bridge, none, or a network's name. */
  readonly network: string;
  readonly slots: number;
  readonly log: Logger;
  /** Told each step that takes time, in the operator's words. */
  readonly onProgress: (step: string) => void;
}

/** How long a removal that someone else began may take. */
const REMOVAL_MS = 10_000;
const REMOVAL_POLL_MS = 50;

/**
 * Connects to the engine and makes sure that the worker image is there. Starts no container.
 * @throws RuntimeUnavailable with the reason, if this engine can't run workers
 */
export async function openDockerLauncher(options: DockerLauncherOptions): Promise<Launcher> {
  const { docker, cores } = await connectEngine();
  const mount = await socketMount(docker, options.socketDir);
  const image = await ensureImage(docker, options);
  return new DockerLauncher(docker, options, { ...options, image, cores, socketMount: mount });
}

class DockerLauncher implements Launcher {
  readonly runtime = 'docker';
  readonly #docker: Docker;
  readonly #options: DockerLauncherOptions;
  readonly #spec: ContainerSpec;
  readonly #log: Logger;
  /** Workers between create and start: they look like leftovers to list(). */
  readonly #launching = new Set<string>();
  /** Container ids of this pool's workers, so that pausing needs no search. */
  readonly #containers = new Map<string, string>();
  readonly #closed = new AbortController();

  constructor(docker: Docker, options: DockerLauncherOptions, spec: ContainerSpec) {
    this.#docker = docker;
    this.#options = options;
    this.#spec = spec;
    this.#log = options.log;
  }

  async launch(order: WorkerOrder): Promise<LaunchedWorker> {
    assertWorkerId(order.id);
    if (this.#launching.has(order.id)) throw new Error(`worker ${order.id} is already being started`);
    this.#launching.add(order.id);
    try {
      const container = await this.#create(order);
      await this.#start(container, order.id);
      this.#containers.set(order.id, container.id);
      return { containerId: container.id, exited: containerExit(container, this.#closed.signal, this.#log) };
    } catch (error) {
      throw new Error(`worker ${order.id} can't be started: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#launching.delete(order.id);
    }
  }

  async #create(order: WorkerOrder): Promise<Docker.Container> {
    const create = (): Promise<Docker.Container> =>
      answer('create a container', (abortSignal) =>
        this.#docker.createContainer({ ...workerContainer(order, this.#spec), abortSignal }),
      );
    try {
      return await create();
    } catch (error) {
      const status = statusOf(error);
      if (status === 409) await this.#removeLeftover(order.id);
      // Someone pruned the image.
      else if (status === 404 && messageOf(error).includes('No such image')) {
        await ensureImage(this.#docker, this.#options);
      } else {
        // Without an answer the engine may yet have created it.
        if (status === undefined) await this.stop(order.id).catch(() => {});
        throw error;
      }
      return await create();
    }
  }

  /** Makes room for a container whose name is taken, if by one of this pool that doesn't run. */
  async #removeLeftover(id: string): Promise<void> {
    const name = containerName(this.#spec.pool, id);
    const found = await this.#inspect(name);
    if (found === undefined) return;
    const ours = Object.entries(poolLabels(this.#spec.pool, id)).every(
      ([label, value]) => found.Config.Labels[label] === value,
    );
    if (!ours) throw new Error(`the container name ${name} is taken by a container that is not this pool's`);
    if (found.State.Running) throw new Error(`it runs already, as container ${name}`);
    await this.#remove(this.#docker.getContainer(found.Id));
  }

  async #start(container: Docker.Container, id: string): Promise<void> {
    try {
      await answer('start a container', (abortSignal) => container.start({ abortSignal }));
    } catch (error) {
      await this.#remove(container).catch((cause: unknown) => {
        this.#log.warn(
          { err: cause, worker: id, containerId: container.id },
          'a container that failed to start is left',
        );
      });
      throw error;
    }
  }

  async stop(id: string): Promise<void> {
    assertWorkerId(id);
    // By label, not by name or memory: what isn't labelled as this pool's must not be touched.
    const found = (await this.#search(poolLabels(this.#spec.pool, id))).filter(
      (container) => !this.#isForeign(container) || stateOf(container) === 'exited',
    );
    await Promise.all(found.map((container) => this.#remove(this.#docker.getContainer(container.Id))));
    this.#containers.delete(id);
  }

  async #remove(container: Docker.Container): Promise<void> {
    try {
      await answer('remove a container', (abortSignal) =>
        container.remove({ force: true, v: true, abortSignal }),
      );
    } catch (error) {
      if (statusOf(error) === 404) return;
      if (statusOf(error) !== 409) throw error;
      // Its removal is already in progress.
      const deadline = performance.now() + REMOVAL_MS;
      while ((await this.#inspect(container.id)) !== undefined) {
        if (performance.now() > deadline) throw error;
        await sleep(REMOVAL_POLL_MS);
      }
    }
  }

  async pause(id: string): Promise<void> {
    const container = await this.#find(id);
    try {
      await answer('pause a container', (abortSignal) => container.pause({ abortSignal }));
    } catch (error) {
      const state = (await this.#inspect(container.id))?.State;
      if (state?.Paused !== true)
        throw new Error(`worker ${id} can't be paused: ${messageOf(error)}`, { cause: error });
    }
  }

  async resume(id: string): Promise<void> {
    const container = await this.#find(id);
    try {
      await answer('resume a container', (abortSignal) => container.unpause({ abortSignal }));
    } catch (error) {
      // Resuming what isn't paused is an error to the engine, with a status that differs by its version.
      const state = (await this.#inspect(container.id))?.State;
      if (state?.Running === true && !state.Paused) return;
      throw new Error(`worker ${id} can't be resumed: ${messageOf(error)}`, { cause: error });
    }
  }

  async list(): Promise<ListedWorker[]> {
    const listed: ListedWorker[] = [];
    const recipe = recipeOf(this.#spec);
    for (const container of await this.#search(poolLabels(this.#spec.pool))) {
      const id = container.Labels['spillway.worker'];
      if (id === undefined || this.#launching.has(id)) continue;
      const foreign = this.#isForeign(container);
      // Another balancer may be about to start it.
      if (foreign && container.State === 'created') continue;
      const outdated = container.Labels[RECIPE_LABEL] !== recipe;
      const containerName = container.Names[0]?.slice(1) ?? container.Id;
      const state = stateOf(container);
      listed.push({ id, state, outdated, foreign, containerId: container.Id, containerName });
    }
    return listed;
  }

  /** Earlier versions didn't label the owner: theirs count as this balancer's, since an upgrade must take them over. */
  #isForeign({ Labels }: Docker.ContainerInfo): boolean {
    return (Labels[OWNER_LABEL] ?? this.#spec.owner) !== this.#spec.owner;
  }

  watch({ containerId = '' }: ListedWorker): Promise<WorkerExit> {
    return containerExit(this.#docker.getContainer(containerId), this.#closed.signal, this.#log);
  }

  async usage(): Promise<Map<string, WorkerUsage>> {
    const found = new Map<string, WorkerUsage>();
    const running = (await this.list()).filter(({ state, foreign }) => state !== 'exited' && !foreign);
    await Promise.all(
      running.map(async ({ id, containerId = '' }) => {
        const usage = await containerUsage(this.#docker.getContainer(containerId));
        if (usage !== undefined) found.set(id, usage);
      }),
    );
    return found;
  }

  close(): Promise<void> {
    this.#closed.abort();
    return Promise.resolve();
  }

  async #find(id: string): Promise<Docker.Container> {
    let containerId = this.#containers.get(id);
    if (containerId === undefined) {
      assertWorkerId(id);
      const found = await this.#search(poolLabels(this.#spec.pool, id));
      containerId = found.find((container) => !this.#isForeign(container))?.Id;
      if (containerId === undefined)
        throw new Error(`worker ${id} has no container in pool ${this.#spec.pool}`);
      this.#containers.set(id, containerId);
    }
    return this.#docker.getContainer(containerId);
  }

  #search(labels: Record<string, string>): Promise<Docker.ContainerInfo[]> {
    const label = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    return answer('list containers', (abortSignal) =>
      this.#docker.listContainers({ all: true, filters: { label }, abortSignal }),
    );
  }

  async #inspect(idOrName: string): Promise<Docker.ContainerInspectInfo | undefined> {
    try {
      return await answer('inspect a container', (abortSignal) =>
        this.#docker.getContainer(idOrName).inspect({ abortSignal }),
      );
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }
}

function stateOf({ State }: Docker.ContainerInfo): ListedWorker['state'] {
  return State === 'running' || State === 'paused' ? State : 'exited';
}
