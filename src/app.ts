/** The composition root: the only place that sees all parts. */
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLines } from './admin/call-log.ts';
import { cloudEvents } from './cloud-events.ts';
import { CloudLink } from './cloud-link.ts';
import type { Config } from './config.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { Elastic } from './elastic.ts';
import { FunctionsFault } from './functions/fault.ts';
import type { Manifest } from './functions/manifest.ts';
import { Manifests } from './functions/manifests.ts';
import type { Logger } from './log.ts';
import { messageOf } from './message-of.ts';
import { PoolControl, readFunctions } from './pool-control.ts';
import type { Restarts } from './operations.ts';
import { Operator, type AdminAddress } from './operator.ts';
import { Listener, workerToken } from './pool/listener.ts';
import { poolEvents, watchEvents } from './pool-events.ts';
import { Pool } from './pool/pool.ts';
import { Watch } from './pool/watch.ts';
import { clear as clearHandover } from './handover.ts';
import { confirm, forget, keep } from './last-build.ts';
import { prepare, type Prepared } from './preparation.ts';
import { frontOptions } from './front-options.ts';
import { createFront, type Front } from './rpc/http.ts';
import { runtimes } from './runtimes.ts';
import { PoolTaken } from './scaling/pool-taken.ts';
import { BundleFault } from './scaling/starts.ts';
import type { ServedBundle } from './served-bundle.ts';
import { openState, type State } from './state.ts';
import { Undo } from './undo.ts';
import { WorkerUsages } from './worker-usage.ts';

/** How long idle connections have to send what is on its way, so that it is answered rather than lost, in milliseconds. */
const LAST_REQUESTS_MS = 2000;

/** Where a balancer listens, and what it serves. */
export interface Started {
  readonly host: string;
  readonly port: number;
  readonly functions: readonly string[];
  readonly admin: AdminAddress;
}

/** A balancer: built, started, drained, stopped. */
export interface App {
  /**
   * Resolves with where it listens, once every worker is ready. Rejects after having undone what it did.
   * `inherited` is the file descriptor of a listening socket to use in place of a new one.
   */
  start(inherited?: number): Promise<Started>;
  /** What accepts clients' connections, once it is started. */
  server(): Server | undefined;
  /** Finishes what clients have asked for, serving all that still comes, until no connection is left; ends nothing. */
  retire(): Promise<void>;
  /** In place of stop(), after retire(): lets go of everything, but leaves the workers to the next balancer if it will find them. */
  leave(findsWorkers: boolean): Promise<void>;
  /** Takes no more calls; resolves when those in flight have ended, or after SPILLWAY_DRAIN_MS. */
  drain(): Promise<void>;
  /** Ends workers, sockets and timers, and lets the state folder go. */
  stop(): Promise<void>;
  /** What an operator may do to workers and functions; undefined until the pool is there. */
  readonly poolControl: PoolControl | undefined;
}

/** What a balancer may be given by whoever starts it. */
export interface Extras {
  /** How an operator restarts it; absent where nobody can. */
  readonly restarts?: Restarts;
  /** What was built already, or is being built; absent: start() builds it. */
  readonly prepared?: Promise<Prepared> | undefined;
}

/** Puts the parts together. Nothing is opened before start(). */
export function build(
  config: Config,
  log: Logger,
  lines: LogLines,
  version: string,
  { restarts, prepared }: Extras = {},
): App {
  const undo = new Undo();
  let stopped = false;
  let leaving: { readonly findsWorkers: boolean } | undefined;
  let reason = 'starting';
  const manifests = new Manifests();
  let dispatcher: Dispatcher | undefined;
  let front: Front | undefined;
  let pool: Pool | undefined;
  let elastic: Elastic | undefined;
  /** The functions that clients can call. */
  const manifest = (): Manifest | undefined =>
    pool === undefined ? undefined : manifests.of(pool.bundle.hash);
  const cloud = new CloudLink(config, log);
  const operator = new Operator(config, log, lines, version, { cloud, manifest, restarts });

  const step = (text: string): void => {
    reason = `starting: ${text}`;
    log.info(text);
  };
  const readiness = (): { ready: true } | { ready: false; reason: string } => {
    if (front === undefined || manifest() === undefined || reason !== '') return { ready: false, reason };
    if ((pool?.count('ready') ?? 0) > 0) return { ready: true };
    const elsewhere = cloud.reason === undefined && dispatcher?.offload.rule.policy !== 'never';
    return elsewhere ? { ready: true } : { ready: false, reason: 'no worker is ready' };
  };

  async function start(inherited?: number): Promise<Started> {
    const state = openState(config.stateDir);
    undo.push(() => state.close());
    for (const repair of state.repaired) log.warn(repair);
    clearHandover(state.dir);
    undo.push(() => (leaving === undefined ? forget(state.dir) : undefined));
    // First: workers of an earlier balancer dial again and again, and then the way is open by the time all is ready.
    const listening = Listener.open(state.runDir, state.workerSecret);
    // Where it failed to open there is nothing to close, and the start says why.
    undo.push(async () => (await listening.catch(() => undefined))?.close());
    const opening = operator.listen(state);
    undo.push(() => Promise.allSettled([opening]).then(() => operator.close()));
    const [admin, listener] = await Promise.all([opening, listening]);
    const opened = createFront(
      {
        manifest,
        dispatch: (request, answer) => {
          if (dispatcher === undefined) throw new Error('a call came before the manifest was known');
          return dispatcher.dispatch(operator.enter(request), answer);
        },
        holdsBack: (spec, count) => dispatcher?.holdsBack(spec, count) ?? false,
        readiness,
        onBadResult: (worker) => pool?.eject(worker, 'its result is not JSON'),
        log,
      },
      frontOptions(config, version),
    );
    const open = async (): Promise<{ host: string; port: number }> => {
      const address = await opened.listen(inherited);
      front = opened;
      undo.push(() => opened.close());
      return address;
    };
    // A taken port is to be told at once. But in a socket that is taken over clients wait already, until all is ready.
    let address = inherited === undefined ? await open() : undefined;
    const { bundle, made } = await startPool(state, listener);
    address ??= await open();
    reason = '';
    // In the background: the pool serves, whatever becomes of the cloud.
    void openCloud(state, bundle);
    void confirm(state.dir, made, operator.parts.poolControl, log);
    return { ...address, functions: [...(manifest()?.keys() ?? [])], admin };
  }

  async function openCloud(state: State, bundle: ServedBundle): Promise<void> {
    const backend = await cloud.open({
      bundle,
      pool: config.pool ?? state.pool,
      stateDir: state.dir,
      figures: () => ({
        load: dispatcher?.underWay ?? 0,
        workers: pool?.count('ready') ?? 0,
        offloaded: dispatcher?.counts.offloaded ?? 0,
      }),
      listener: cloudEvents(log, operator.calls),
    });
    if (backend !== undefined) dispatcher?.offload.useCloud(backend);
  }

  async function startPool(
    state: State,
    listener: Listener,
  ): Promise<{ bundle: ServedBundle; made: Prepared }> {
    const startedAt = performance.now();
    const made = await (prepared ?? prepare(config.functionsDir));
    const { program } = made;
    const { names, bundle } = readFunctions(config, made.bundle);
    step(`${made.how} ${names.length} functions (${sinceMs(startedAt)} ms)`);

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
      offload: { policy: config.offload, waitMs: config.offloadWaitMs },
      observer: operator.observer,
      offloadUsdPerHour: config.offloadUsdPerHour,
      mostSlots: () => (elastic?.limits.max ?? 0) * config.workerSlots,
      slotsReadyInMs: () => elastic?.slotsReadyInMs() ?? [],
    });
    pool = operator.parts.pool = workers;
    dispatcher = operator.parts.dispatcher = calls;
    // After the calls have been given up: those in the cloud would else come back to the pool.
    undo.push(() => cloud.close());
    undo.push(() => {
      calls.close();
    });
    workers.listen(poolEvents({ log, recorder: operator.recorder, calls, crew: () => elastic?.crew }));
    const watch = new Watch(workers, watchEvents(operator.recorder, log));
    undo.push(() => {
      watch.close();
    });

    for (const runtime of runtimes(config, state, program, log, step)) {
      const began = performance.now();
      const done = undo.length;
      try {
        const launcher = await runtime.open();
        undo.push(() => launcher.close());
        operator.parts.runtime = launcher.runtime;
        operator.parts.usages = new WorkerUsages(launcher);
        if (stopped) throw new Error('stopped while it was starting');
        const crewed = new Elastic({
          config,
          launcher,
          pool: workers,
          dispatcher: calls,
          token: (id) => workerToken(state.workerSecret, id),
          log,
          onProgress: step,
          onEvent: (event, reason) => operator.recorder.worker(event, reason),
          onExpecting: () => listener.admit(workers),
        });
        elastic = crewed;
        // Before the start: a signal may come while workers are being started, and must end them too.
        undo.push(() => (leaving?.findsWorkers === true ? crewed.leave() : crewed.stop()));
        await crewed.start();
        operator.parts.poolControl = new PoolControl({
          ...{ config, pool: workers, dispatcher: calls, elastic: crewed, manifests },
          onBuilt: (built) => keep(state.dir, built),
          onReloaded(reloaded) {
            log.info({ bundle: reloaded.codeHash }, 'new functions are in use');
            // The cloud logs how it goes, and takes no calls until it has them.
            cloud.useBundle(reloaded).catch(() => undefined);
          },
        });
      } catch (error) {
        await undo.from(done);
        if (error instanceof BundleFault)
          throw new FunctionsFault(config.functionsDir, error.message.split('\n'));
        // Another runtime would only hide that two balancers want the same pool.
        if (runtime.orElse === undefined || stopped || error instanceof PoolTaken) throw error;
        log.warn(`${runtime.orElse}: ${messageOf(error)}`);
        operator.parts.runtimeReason = messageOf(error);
        continue;
      }
      step(`${workers.count('ready')} workers ready as ${runtime.name} (${sinceMs(began)} ms)`);
      return { bundle, made };
    }
    throw new Error('no runtime was tried');
  }

  async function stop(): Promise<void> {
    stopped = true;
    await undo.from(0);
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
    retire: async () => front?.retire(config.drainMs),
    async leave(findsWorkers) {
      leaving = { findsWorkers };
      await stop();
    },
    get poolControl() {
      return operator.parts.poolControl;
    },
  };
}

function sinceMs(at: number): number {
  return Math.round(performance.now() - at);
}
