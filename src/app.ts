/** The composition root: the only place that sees all parts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from './config.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { Elastic } from './elastic.ts';
import { FunctionsFault } from './functions/fault.ts';
import type { Manifest } from './functions/manifest.ts';
import { Manifests } from './functions/manifests.ts';
import type { Logger } from './log.ts';
import { Operate, readFunctions } from './operate.ts';
import { Listener, workerToken } from './pool/listener.ts';
import { Pool } from './pool/pool.ts';
import { createFront, type Front } from './rpc/http.ts';
import { buildWorkerProgram } from './runtime/program.ts';
import { runtimes } from './runtimes.ts';
import { BundleFault } from './scaling/starts.ts';
import { openState, type State } from './state.ts';

/** How long idle connections have to send what is on its way, so that it is answered rather than lost, in milliseconds. */
const LAST_REQUESTS_MS = 2000;

/** A balancer: built, started, drained, stopped. */
export interface App {
  /** Resolves with where it listens, once every worker is ready. Rejects after having undone what it did. */
  start(): Promise<{ host: string; port: number; functions: string[] }>;
  /** Takes no more calls; resolves when those in flight have ended, or after SPILLWAY_DRAIN_MS. */
  drain(): Promise<void>;
  /** Ends workers, sockets and timers, and lets the state folder go. */
  stop(): Promise<void>;
  /** What an operator may see and do; undefined until the pool is there. */
  readonly operate: Operate | undefined;
}

/** Puts the parts together. Nothing is opened before start(). */
export function build(config: Config, log: Logger, version: string): App {
  const undo: (() => Promise<void> | void)[] = [];
  let stopped = false;
  let reason = 'starting';
  const manifests = new Manifests();
  let dispatcher: Dispatcher | undefined;
  let front: Front | undefined;
  let pool: Pool | undefined;
  let elastic: Elastic | undefined;
  let operate: Operate | undefined;
  /** The functions that clients can call. */
  const manifest = (): Manifest | undefined =>
    pool === undefined ? undefined : manifests.of(pool.bundle.hash);

  const step = (text: string): void => {
    reason = `starting: ${text}`;
    log.info(text);
  };
  const readiness = (): { ready: true } | { ready: false; reason: string } => {
    if (front === undefined || manifest() === undefined || reason !== '') return { ready: false, reason };
    return (pool?.count('ready') ?? 0) > 0 ? { ready: true } : { ready: false, reason: 'no worker is ready' };
  };

  async function start(): Promise<{ host: string; port: number; functions: string[] }> {
    const state = openState(config.stateDir);
    undo.push(() => {
      state.close();
    });
    for (const repair of state.repaired) log.warn(repair);
    const opened = createFront(
      {
        manifest,
        dispatch: (request, answer) => {
          if (dispatcher === undefined)
            throw new Error('a call was dispatched before the manifest was known');
          return dispatcher.dispatch(request, answer);
        },
        readiness,
        onBadResult: (worker) => pool?.eject(worker, 'its result is not JSON'),
        log,
      },
      {
        host: config.host,
        port: config.port,
        maxBodyBytes: config.maxBodyBytes,
        maxBatch: config.maxBatch,
        batchWindow: Math.max(1, Math.floor(config.maxQueue / 2)),
        timeoutMs: config.timeoutMs,
        backendChoice: config.backendChoice,
        apiKeys: config.apiKeys,
        version,
      },
    );
    const address = await opened.listen();
    front = opened;
    undo.push(() => opened.close());
    await startPool(state);
    reason = '';
    return { ...address, functions: [...(manifest()?.keys() ?? [])] };
  }

  async function startPool(state: State): Promise<void> {
    const startedAt = performance.now();
    const { names, bundle } = await readFunctions(config);
    const program = await buildWorkerProgram();
    step(`bundled ${names.length} functions (${sinceMs(startedAt)} ms)`);

    const workers = new Pool({
      policy: config.policy,
      bundle,
      refuseManifest(json, hash) {
        const isNew = manifests.of(hash) === undefined;
        const refusal = manifests.refuse(json, hash);
        const accepted = manifests.of(hash);
        // One that is only tried isn't for calls yet: see reload.
        if (isNew && accepted !== undefined && hash === workers.bundle.hash)
          calls.useManifest(accepted, hash);
        return refusal;
      },
    });
    const calls = new Dispatcher(workers, {
      queueCalls: config.maxQueue,
      maxResultBytes: config.maxBodyBytes,
    });
    pool = workers;
    dispatcher = calls;
    undo.push(() => {
      calls.close();
    });
    workers.listen({
      room: calls.pump,
      workerReady(worker) {
        elastic?.crew.workerReady(worker.id);
        calls.pump();
      },
      workerDrained(worker) {
        elastic?.crew.workerDrained(worker.id);
      },
      workerLost(worker, why) {
        elastic?.crew.workerLost(worker.id, why);
        calls.pump();
      },
      slotEnded(worker, why) {
        log.warn({ worker: worker.id, reason: why }, 'a slot process ended; its worker starts another');
      },
    });
    const listener = await Listener.open(state.runDir, state.workerSecret, workers);
    undo.push(() => listener.close());

    for (const runtime of runtimes(config, state, program, log, step)) {
      const began = performance.now();
      const done = undo.length;
      try {
        const launcher = await runtime.open();
        undo.push(() => launcher.close());
        if (stopped) throw new Error('stopped while it was starting');
        const crewed = new Elastic({
          config,
          launcher,
          pool: workers,
          dispatcher: calls,
          token: (id) => workerToken(state.workerSecret, id),
          log,
          onProgress: step,
        });
        elastic = crewed;
        // Before the start: a signal may come while workers are being started, and must end them too.
        undo.push(() => crewed.stop());
        await crewed.start();
        operate = new Operate({
          ...{ config, pool: workers, dispatcher: calls, elastic: crewed, manifests },
          onReloaded: ({ hash }) => log.info({ bundle: hash }, 'new functions are in use'),
        });
      } catch (error) {
        await undoFrom(done);
        if (error instanceof BundleFault) throw new FunctionsFault(config.functionsDir, [error.message]);
        if (runtime.orElse === undefined || stopped) throw error;
        log.warn(`${runtime.orElse}: ${messageOf(error)}`);
        continue;
      }
      step(`${workers.count('ready')} workers ready as ${runtime.name} (${sinceMs(began)} ms)`);
      return;
    }
  }

  async function undoFrom(first: number): Promise<void> {
    for (const one of undo.splice(first).reverse()) await one();
  }

  async function stop(): Promise<void> {
    stopped = true;
    await undoFrom(0);
  }

  return {
    async start() {
      try {
        return await start();
      } catch (error) {
        await stop();
        throw error;
      }
    },
    async drain() {
      reason = 'shutting down';
      const closed = front?.drain();
      await dispatcher?.drain(config.drainMs);
      await Promise.race([closed, sleep(LAST_REQUESTS_MS, undefined, { ref: false })]);
      await front?.close();
    },
    stop,
    get operate() {
      return operate;
    },
  };
}

function sinceMs(at: number): number {
  return Math.round(performance.now() - at);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
