/** The composition root: the only place that sees all parts. */
import type { Server } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from './config.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { buildBundle } from './functions/bundle.ts';
import { readFunctionEnv } from './functions/env.ts';
import { FunctionsFault } from './functions/fault.ts';
import { parseManifest, type Manifest } from './functions/manifest.ts';
import type { Logger } from './log.ts';
import { Listener, workerToken } from './pool/listener.ts';
import { Pool } from './pool/pool.ts';
import { createFront, type Front } from './rpc/http.ts';
import { buildWorkerProgram } from './runtime/program.ts';
import { runtimes } from './runtimes.ts';
import { BundleFault, Keeper } from './scaling/keeper.ts';
import { openState, type State } from './state.ts';

/** How long idle connections have to send what is on its way, so that it is answered rather than lost, in milliseconds. */
const LAST_REQUESTS_MS = 2000;

/** A balancer: built, started, drained, stopped. */
export interface App {
  /**
   * Resolves with where it listens, once every worker is ready. Rejects after having undone what it did.
   * `inherited` is the file descriptor of a listening socket to use in place of a new one.
   */
  start(inherited?: number): Promise<{ host: string; port: number; functions: string[] }>;
  /** What accepts clients' connections, once it is started. */
  server(): Server | undefined;
  /** Finishes what clients have asked for, serving all that still comes, until no connection is left; ends nothing. */
  retire(): Promise<void>;
  /** In place of stop(), after retire(): lets go of everything, but leaves the workers to the next balancer. */
  leave(): Promise<void>;
  /** Takes no more calls; resolves when those in flight have ended, or after SPILLWAY_DRAIN_MS. */
  drain(): Promise<void>;
  /** Ends workers, sockets and timers, and lets the state folder go. */
  stop(): Promise<void>;
}

/** Puts the parts together. Nothing is opened before start(). */
export function build(config: Config, log: Logger, version: string): App {
  const undo: (() => Promise<void> | void)[] = [];
  let stopped = false;
  let leaving = false;
  let reason = 'starting';
  let manifest: Manifest | undefined;
  let dispatcher: Dispatcher | undefined;
  let front: Front | undefined;
  let pool: Pool | undefined;

  const step = (text: string): void => {
    reason = `starting: ${text}`;
    log.info(text);
  };
  const readiness = (): { ready: true } | { ready: false; reason: string } => {
    if (front === undefined || manifest === undefined || reason !== '') return { ready: false, reason };
    return (pool?.count('ready') ?? 0) > 0 ? { ready: true } : { ready: false, reason: 'no worker is ready' };
  };

  async function start(inherited?: number): Promise<{ host: string; port: number; functions: string[] }> {
    const state = openState(config.stateDir);
    undo.push(() => {
      state.close();
    });
    for (const repair of state.repaired) log.warn(repair);
    const opened = createFront(
      {
        manifest: () => manifest,
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
    const open = async (): Promise<{ host: string; port: number }> => {
      const address = await opened.listen(inherited);
      front = opened;
      undo.push(() => opened.close());
      return address;
    };
    // A taken port is to be told at once. But in a socket that is taken over clients wait already, until all is ready.
    let address = inherited === undefined ? await open() : undefined;
    await startPool(state);
    address ??= await open();
    reason = '';
    return { ...address, functions: [...(manifest?.keys() ?? [])] };
  }

  async function startPool(state: State): Promise<void> {
    const startedAt = performance.now();
    const bundle = await buildBundle(resolve(config.functionsDir));
    const env = config.functionEnvFile === undefined ? {} : readFunctionEnv(config.functionEnvFile);
    const program = await buildWorkerProgram();
    step(`bundled ${bundle.functions.length} functions (${sinceMs(startedAt)} ms)`);

    let manifestText: string | undefined;
    const workers = new Pool({
      policy: config.policy,
      bundle: {
        hash: bundle.hash,
        code: Buffer.from(bundle.code),
        env,
        maxResultBytes: config.maxBodyBytes,
      },
      refuseManifest(json) {
        if (manifestText !== undefined) {
          return json === manifestText
            ? undefined
            : 'its manifest is another than the first worker’s for this bundle';
        }
        try {
          manifest = parseManifest(json);
        } catch (error) {
          return messageOf(error);
        }
        manifestText = json;
        calls.useManifest(manifest);
        return undefined;
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
    let keeper: Keeper | undefined;
    workers.listen({
      room: calls.pump,
      workerReady(worker) {
        keeper?.workerReady(worker.id);
        calls.pump();
      },
      workerLost(worker, why) {
        keeper?.workerLost(worker.id, why);
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
        const kept = new Keeper({
          launcher,
          pool: workers,
          workers: config.workers,
          token: (id) => workerToken(state.workerSecret, id),
          log,
          onProgress: step,
        });
        keeper = kept;
        // Before the start: a signal may come while workers are being started, and must end them too.
        undo.push(() => (leaving ? kept.leave() : kept.stop()));
        await kept.start();
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
    async start(inherited) {
      try {
        return await start(inherited);
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
    server: () => front?.server,
    async retire() {
      await front?.retire(config.drainMs);
    },
    async leave() {
      leaving = true;
      await stop();
    },
  };
}

function sinceMs(at: number): number {
  return Math.round(performance.now() - at);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
