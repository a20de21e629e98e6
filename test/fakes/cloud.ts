/** A cloud in memory, for tests of whatever offloads: answers by a function, fails and degrades on demand. */
import { timeout } from '../../src/errors.ts';
import type {
  CalibrationOrder,
  CloudBackend,
  CloudBundle,
  CloudCall,
  CloudFailure,
  CloudFigures,
  CloudOutcome,
  CloudReason,
  CloudReport,
  CloudState,
  CloudStatus,
  DeployReport,
  DestroyReport,
  PendingCloudCall,
} from '../../src/cloud/backend.ts';
import type { CalibrationReport } from '../../src/cloud/calibration.ts';
import { pricesOf, type Rate } from '../../src/cloud/prices.ts';
import { textOf } from '../../src/pool/params.ts';

/** What the fake does with a call: an outcome without its report, at once or later. */
export type FakeAnswer =
  | { readonly ok: true; readonly json: string }
  | { readonly ok: false; readonly error: Extract<CloudOutcome, { error: unknown }>['error'] }
  | { readonly ok: false; readonly failure: CloudFailure };

/** A call that was sent and waits for the test's word. */
export interface HeldCall {
  readonly call: CloudCall;
  end(answer: FakeAnswer): void;
}

const COST_USD = 0.000004;

export class FakeCloud implements CloudBackend {
  /** Answers a call; may be replaced. */
  run: (call: CloudCall) => FakeAnswer | Promise<FakeAnswer> = ({ params }) => ({
    ok: true,
    json: textOf(params ?? 'null'),
  });
  /** Whether calls wait in `held` until the test ends them. */
  hold = false;
  /** Calls that wait, the oldest first. Those past their deadline have left. */
  readonly held: HeldCall[] = [];
  /** Calls that came, in order. */
  readonly calls: CloudCall[] = [];
  /** How long it says that a function ran. */
  runMs = 1;
  budgetUsd = 1;
  rate: Rate = { prices: pricesOf('us-east-1').prices, memoryMb: 1769, architecture: 'x86_64' };
  #state: CloudState = 'off';
  #reason: CloudReason | undefined = 'off';
  #costUsd = 0;
  #inFlight = 0;
  #deployed: string | undefined;
  #functions: readonly string[] | undefined;
  readonly #timers = new Set<NodeJS.Timeout>();

  get state(): CloudState {
    return this.#state;
  }

  get reason(): CloudReason | undefined {
    return this.#reason;
  }

  /** Degrades it for a reason; undefined: ready. */
  degrade(reason: CloudReason | undefined): void {
    this.#state = reason === undefined ? 'ready' : 'degraded';
    this.#reason = reason;
  }

  has(method: string): boolean {
    return this.#functions?.includes(method) ?? true;
  }

  call(call: CloudCall, answer: (outcome: CloudOutcome) => void): PendingCloudCall {
    const startedAt = performance.now();
    let pending = true;
    const end = (
      made: FakeAnswer | { readonly ok: false; readonly error: ReturnType<typeof timeout> },
      costUsd: number,
    ): void => {
      if (!pending) return;
      pending = false;
      clearTimeout(timer);
      this.#timers.delete(timer);
      const report: CloudReport = { elapsedMs: performance.now() - startedAt, costUsd };
      if (made.ok)
        answer({
          ok: true,
          json: Buffer.from(made.json),
          report: { ...report, runMs: this.runMs, billedMs: this.runMs + 5, coldStart: false },
        });
      else if ('failure' in made) answer({ ok: false, failure: made.failure, report });
      else answer({ ok: false, error: made.error, report });
    };
    const timer = setTimeout(
      () => {
        const at = this.held.findIndex((held) => held.call === call);
        if (at >= 0) this.held.splice(at, 1);
        end({ ok: false, error: timeout(call.timeoutMs, true) }, COST_USD);
      },
      Math.max(0, call.deadline - startedAt),
    );
    this.#timers.add(timer);
    if (this.#reason === undefined && this.hold) this.#keep(call, end);
    else if (this.#reason === undefined) void this.#send(call, end);
    else {
      const failure = { reason: this.#reason, mayHaveRun: false };
      queueMicrotask(() => end({ ok: false, failure }, 0));
    }
    return {
      cancel: () => {
        pending = false;
        clearTimeout(timer);
      },
    };
  }

  status(): CloudStatus {
    return {
      state: this.#state,
      calls: this.calls.length,
      inFlight: this.#inFlight,
      costTodayUsd: this.#costUsd,
      budgetUsd: this.budgetUsd,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      ...(this.#deployed !== undefined && {
        url: 'http://cloud.test/v1/call',
        functionName: 'spillway-fake',
      }),
    };
  }

  async deploy(bundle: CloudBundle, { dryRun = false } = {}): Promise<DeployReport> {
    const steps = this.#deployed === bundle.hash ? [] : [`deploy ${bundle.hash}`];
    if (!dryRun) {
      this.#deployed = bundle.hash;
      this.#functions = bundle.functions;
      this.degrade(undefined);
    }
    return { steps };
  }

  async calibrate({ spec, sizesMb }: CalibrationOrder): Promise<CalibrationReport> {
    if (this.#state !== 'ready') throw new Error(`the cloud is ${this.#state}`);
    const presentMb = this.rate.memoryMb;
    const memories = [...new Set([...sizesMb, presentMb])].toSorted((a, b) => a - b);
    const figures = { runs: 2, meanMs: this.runMs, p50Ms: this.runMs, p95Ms: this.runMs };
    this.#costUsd += COST_USD;
    return {
      method: spec.name,
      presentMb,
      sizes: memories.map((memoryMb) => ({ memoryMb, ...figures })),
      cpuShare: 1,
      recommended: { memoryMb: presentMb, why: 'it is a fake' },
      calls: 2 * memories.length,
      costUsd: COST_USD,
      notes: [],
    };
  }

  get calibration(): undefined {
    return undefined;
  }

  stopCalibration(): void {
    // It takes no time.
  }

  async destroy(): Promise<DestroyReport> {
    const removed = this.#deployed === undefined ? [] : ['function spillway-fake'];
    this.#deployed = undefined;
    this.#state = 'off';
    this.#reason = 'off';
    return { removed, left: [] };
  }

  async figures(): Promise<CloudFigures | undefined> {
    return undefined;
  }

  record(): void {
    // Nothing is published.
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#state = 'off';
    this.#reason = 'off';
  }

  #keep(call: CloudCall, end: (answer: FakeAnswer, costUsd: number) => void): void {
    this.calls.push(call);
    const held: HeldCall = {
      call,
      end: (answer) => {
        this.held.splice(this.held.indexOf(held), 1);
        this.#costUsd += COST_USD;
        end(answer, COST_USD);
      },
    };
    this.held.push(held);
  }

  async #send(call: CloudCall, end: (answer: FakeAnswer, costUsd: number) => void): Promise<void> {
    this.calls.push(call);
    this.#inFlight += 1;
    const answer = await Promise.resolve(call).then((sent) => this.run(sent));
    this.#inFlight -= 1;
    this.#costUsd += COST_USD;
    end(answer, COST_USD);
  }
}
