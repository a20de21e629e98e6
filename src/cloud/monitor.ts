/** The shell round health.ts: reads the clock, sends probes when they are due, tells the log. */
import type { Logger } from 'pino';
import type { CloudReason } from './backend.ts';
import type { ProbeFailure } from './calls.ts';
import { READY, nextHealth, wantsRepair, type Health, type HealthEvent } from './health.ts';

/** What the monitor works with. */
export interface MonitorSettings {
  readonly probe: () => Promise<ProbeFailure>;
  /** Probes keep failing: the deployment should be looked at. */
  readonly repair: () => void;
  readonly log: Logger;
  readonly random: () => number;
}

/** Watches one deployment from its first good probe on. */
export class Monitor {
  readonly #settings: MonitorSettings;
  #health: Health = READY;
  #detail: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(settings: MonitorSettings) {
    this.#settings = settings;
  }

  /** Why no calls are taken; undefined while they are. */
  get reason(): CloudReason | undefined {
    return this.#health.reason;
  }

  /** What happened, for the operator. */
  get detail(): string | undefined {
    return this.#health.state === 'ready' ? undefined : this.#detail;
  }

  /** What an exchange said; undefined is a sign of health. */
  report(failure: ProbeFailure): void {
    if (failure === undefined) this.#next({ kind: 'answered' });
    else this.#next({ kind: 'failed', reason: failure.reason }, failure.detail);
  }

  /** Something changed that may have cured it. */
  changed(): void {
    this.#next({ kind: 'changed' });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #next(event: HealthEvent, detail?: string): void {
    const before = this.#health;
    this.#health = nextHealth(before, event, performance.now(), this.#settings.random());
    if (this.#stopped || this.#health === before) return;
    if (detail !== undefined) this.#detail = detail;
    this.#tell(before);
    if (this.#health.probeAt === before.probeAt) return;
    clearTimeout(this.#timer);
    if (this.#health.state === 'ready') return;
    this.#timer = setTimeout(
      () => {
        void this.#probe();
      },
      Math.max(0, this.#health.probeAt - performance.now()),
    );
  }

  async #probe(): Promise<void> {
    const failure = await this.#settings.probe();
    if (failure === undefined) {
      this.#next({ kind: 'answered' });
      return;
    }
    this.#next({ kind: 'probe failed', reason: failure.reason }, failure.detail);
    if (!this.#stopped && wantsRepair(this.#health)) this.#settings.repair();
  }

  #tell(before: Health): void {
    const { log } = this.#settings;
    if (before.state === 'ready' && this.#health.state === 'degraded') {
      log.warn(
        { reason: this.#health.reason, detail: this.#detail },
        `cloud: degraded, ${this.#health.reason}: ${this.#detail}`,
      );
    } else if (before.state === 'degraded' && this.#health.state === 'ready') {
      log.info('cloud: ready again');
    }
  }
}
