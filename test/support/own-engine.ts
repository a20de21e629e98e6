/**
 * A Docker engine of one test's own, beside the machine's: what is done to it harms nobody else. It has no network, and
 * gets the worker's base image from the machine's engine.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { until } from './balancer.ts';

/** What workers are built on. */
export const BASE_IMAGE = 'node:24-bookworm-slim';
const READY_MS = 30_000;

const run = promisify(execFile);

/** Why no such engine can be started here; undefined if one can. */
export function whyNoOwnEngine(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root can start an engine';
  const paths = (process.env['PATH'] ?? '').split(':');
  return paths.some((path) => existsSync(join(path, 'dockerd'))) ? undefined : 'there is no dockerd';
}

/** See the file's comment. */
export class OwnEngine {
  readonly #dir = mkdtempSync(join(tmpdir(), 'spe-'));
  readonly #socket = join(this.#dir, 'engine.sock');
  #daemon: ChildProcess | undefined;
  #exited = Promise.resolve();

  /** What DOCKER_HOST is to be. */
  get host(): string {
    return `unix://${this.#socket}`;
  }

  get docker(): Docker {
    return new Docker({ socketPath: this.#socket });
  }

  /** Takes the base image over. The engine runs, and `from` names another that has the image. */
  async loadBase(from: string): Promise<void> {
    const file = join(this.#dir, 'base.tar');
    await run('docker', ['-H', from, 'save', '-o', file, BASE_IMAGE]);
    await run('docker', ['-H', this.host, 'load', '-i', file]);
    rmSync(file);
  }

  /** Starts it, again or for the first time; resolves when it answers. With `keep` its containers outlive its stops. */
  async start({ keep }: { keep: boolean }): Promise<void> {
    const settings = join(this.#dir, 'daemon.json');
    writeFileSync(settings, '{}');
    const log = openSync(this.#logFile, 'a');
    const folder = (name: string): string => join(this.#dir, name);
    // In a network namespace of its own: an engine without a bridge removes the one that the machine's engine uses.
    const daemon = spawn(
      'unshare',
      [
        ...['--net', 'dockerd'],
        ...['--config-file', settings, '--host', this.host, '--pidfile', folder('pid')],
        ...['--data-root', this.#data, '--exec-root', folder('exec')],
        ...['--bridge=none', '--iptables=false', '--ip6tables=false'],
        ...(keep ? ['--live-restore'] : []),
      ],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#daemon = daemon;
    this.#exited = new Promise((resolve) => {
      daemon.once('exit', () => resolve());
    });
    const answers = (): Promise<boolean> =>
      this.docker.ping().then(
        () => true,
        () => {
          if (daemon.exitCode !== null)
            throw new Error(`dockerd ended: ${readFileSync(this.#logFile, 'utf8').slice(-2000)}`);
          return false;
        },
      );
    await until('the engine answers', answers, READY_MS);
  }

  /** Stops it as the system's shutdown would; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#daemon?.kill('SIGTERM');
    await this.#exited;
  }

  /** Ends it and its containerd at once, as a crash would; the containers go on until it is started again. */
  async kill(): Promise<void> {
    const containerd = Number(readFileSync(join(this.#dir, 'exec/containerd/containerd.pid'), 'utf8'));
    this.#daemon?.kill('SIGKILL');
    await this.#exited;
    // It ends by itself, but an engine started before that takes it for alive.
    await until('containerd has ended', () => !kill(containerd));
  }

  /** Gives it a disk of its own, of so many megabytes, in place of the machine's. Before the first start. */
  async limitDisk(megabytes: number): Promise<void> {
    mkdirSync(this.#data);
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'spillway-test', this.#data]);
  }

  /** Fills what is free of that disk: again and again, since whatever is removed makes room anew. */
  fillDisk(): void {
    const descriptor = openSync(this.#filler, 'a');
    const piece = Buffer.alloc(1024 * 1024);
    try {
      while (writeSync(descriptor, piece) > 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(descriptor);
    }
  }

  /** Takes back what `fillDisk` wrote. */
  makeRoom(): void {
    rmSync(this.#filler, { force: true });
  }

  /** Ends it and removes every trace. */
  async rm(): Promise<void> {
    const { docker } = this;
    // Only it can end its containers.
    await docker.ping().catch(() => this.start({ keep: false }));
    const left = await docker.listContainers({ all: true });
    await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
    await this.stop();
    // One whose containers outlive it leaves its folder mounted onto itself, over the disk of its own.
    for (let mounted = true; mounted;) {
      mounted = await run('umount', [this.#data]).then(
        () => true,
        () => false,
      );
    }
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  get #data(): string {
    return join(this.#dir, 'data');
  }

  get #filler(): string {
    return join(this.#data, 'filler');
  }

  get #logFile(): string {
    return join(this.#dir, 'log');
  }
}

/** Whether there was such a process. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
