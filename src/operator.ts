/** The operator's side of the balancer, put together: a part of the composition root. */
import { join } from 'node:path';
import { CallLog, type LogLines } from './admin/call-log.ts';
import { createMetrics, type Metrics } from './admin/metrics.ts';
import { Recorder } from './admin/recorder.ts';
import { createAdmin, type Admin } from './admin/server.ts';
import type { Config } from './config.ts';
import type { CallRequest } from './dispatch/call.ts';
import type { CallObserver } from './dispatch/observer.ts';
import type { Logger } from './log.ts';
import { BalancerOperations, type Parts } from './operations.ts';
import type { Spans } from './spans.ts';
import type { State } from './state.ts';

/** Where the admin port listens. */
export interface AdminAddress {
  readonly host: string;
  readonly port: number;
  readonly token: string;
}

/** What shows the balancer and lets it be steered. */
export class Operator {
  /** The balancer's parts; filled in as they come to be. */
  readonly parts: Parts;
  readonly recorder = new Recorder();
  readonly calls: CallLog;
  readonly #config: Config;
  readonly #log: Logger;
  readonly #operations: BalancerOperations;
  readonly #observer: CallObserver;
  readonly #metrics: Metrics;
  readonly #version: string;
  #spans: Spans | undefined;
  #admin: Admin | undefined;

  constructor(
    config: Config,
    log: Logger,
    lines: LogLines,
    version: string,
    parts: Pick<Parts, 'cloud' | 'manifest' | 'restarts'>,
  ) {
    this.#config = config;
    this.#log = log;
    this.#version = version;
    this.parts = { poolId: config.pool ?? '', runtime: 'none', ...parts };
    this.#operations = new BalancerOperations(config, version, this.parts, this.recorder);
    this.calls = new CallLog(log, lines);
    const { recorder, calls } = this;
    this.#observer = {
      placed(call, place, reason, expected) {
        recorder.placed(call, place, reason, expected);
        calls.placed(call, place, reason, expected);
      },
      placedAgain(call, reason) {
        recorder.placedAgain(call, reason);
        calls.placedAgain(call, reason);
      },
      answered(call, outcome) {
        recorder.answered(call, outcome);
        calls.answered(call, outcome);
      },
    };
    this.#metrics = createMetrics({
      status: () => this.#operations.figures(),
      recorder,
      retriesLeft: () => this.parts.dispatcher?.retriesLeft ?? 0,
    });
  }

  /** For the dispatcher; after listen(). */
  get observer(): CallObserver {
    return this.#spans?.observe(this.#observer) ?? this.#observer;
  }

  /** What a client's call is before it is dispatched: it has a span of its own where spans are exported. */
  enter(request: CallRequest): CallRequest {
    return this.#spans?.enter(request) ?? request;
  }

  /**
   * Opens the admin port, and what exports spans.
   * @throws Error of one line that names the setting to change
   */
  async listen(state: State): Promise<AdminAddress> {
    const { adminHost: host, adminPort: port, adminToken, maxBodyBytes } = this.#config;
    this.parts.poolId = this.#config.pool ?? state.pool;
    await this.#openSpans();
    const token = adminToken ?? state.adminToken;
    this.#admin = createAdmin(
      {
        operations: this.#operations,
        metrics: () => this.#metrics.collect(),
        logs: this.calls,
        log: this.#log,
      },
      { host, port, token, maxBodyBytes },
    );
    const address = await this.#admin.listen();
    const shown = address.host.includes(':') ? `[${address.host}]` : address.host;
    const where = adminToken === undefined ? join(state.dir, 'admin-token') : 'SPILLWAY_ADMIN_TOKEN';
    this.#log.info(
      { adminUrl: `http://${shown}:${address.port}` },
      `admin page opened; its token is in ${where}`,
    );
    return { ...address, token };
  }

  /** Closes the port and ends what is measured. */
  async close(): Promise<void> {
    await this.#admin?.close();
    this.#metrics.close();
    await this.#spans?.close();
  }

  async #openSpans(): Promise<void> {
    const { otlpEndpoint, otlpTracesEndpoint } = this.#config;
    if (otlpEndpoint === undefined && otlpTracesEndpoint === undefined) return;
    const { OTEL_SDK_DISABLED: disabled, OTEL_TRACES_EXPORTER: exporter } = process.env;
    if (disabled?.toLowerCase() === 'true' || exporter === 'none') return;
    // Loaded only where it is wanted.
    const { Spans: Opened } = await import('./spans.ts');
    this.#spans = new Opened(this.#version, this.#log);
    const endpoint = URL.parse(otlpTracesEndpoint ?? otlpEndpoint ?? '');
    // Neither its user and password, nor what stands behind a ?; of one that is none the exporter says so.
    if (endpoint !== null) this.#log.info(`spans of calls go to ${endpoint.origin}${endpoint.pathname}`);
  }
}
