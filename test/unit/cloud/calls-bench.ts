/** Calls whose gateway is the test itself, and whose ledger is an array. */
import { expect, vi } from 'vitest';
import type { CloudCall, CloudEnd, CloudOutcome } from '../../../src/cloud/backend.ts';
import { CloudCalls, type ProbeFailure } from '../../../src/cloud/calls.ts';
import type { Exchange } from '../../../src/cloud/channel.ts';
import { HEADERS } from '../../../src/cloud/event.ts';
import { Ledger, type LedgerRecord } from '../../../src/cloud/ledger.ts';
import { pricesOf, type Rate } from '../../../src/cloud/prices.ts';
import type { FunctionSpec } from '../../../src/functions/manifest.ts';

export const rate: Rate = { prices: pricesOf('us-east-1').prices, memoryMb: 1024, architecture: 'arm64' };
const spec: FunctionSpec = { name: 'add', style: 'any', idempotent: true, offload: true, concurrency: 1 };

/** A request that was sent and not answered. */
interface Sent {
  readonly body: string;
  readonly timeoutMs: number;
  readonly done: (exchange: Exchange) => void;
}

export class CallsBench {
  readonly sent: Sent[] = [];
  readonly records: LedgerRecord[] = [];
  readonly health: ProbeFailure[] = [];
  onTold: (() => void) | undefined;
  /** What the listener heard: ids of calls that were sent, and how they ended. */
  readonly told: (string | ({ callId: string } & CloudEnd))[] = [];
  /** Makes the ledger's store fail. */
  fault: Error | undefined;
  readonly ledger: Ledger;
  readonly calls: CloudCalls;

  constructor(budgetNano = 1e9) {
    const store = {
      append: async (batch: readonly LedgerRecord[]) => {
        if (this.fault !== undefined) throw this.fault;
        this.records.push(...batch);
      },
      close: async () => undefined,
    };
    this.ledger = new Ledger(budgetNano, { nextId: 1, days: new Map(), unsettled: 0 }, store);
    this.calls = new CloudCalls({
      channel: {
        send: (body, timeoutMs, done) => this.sent.push({ body, timeoutMs, done }),
        close: () => undefined,
      },
      ledger: this.ledger,
      rate,
      bundleHash: 'abc',
      maxResultBytes: 1000,
      health: (failure) => this.health.push(failure),
      listener: {
        sent: ({ callId }) => this.told.push(callId),
        ended: ({ callId }, end) => {
          this.told.push({ callId, ...end });
          this.onTold?.();
        },
      },
      logGroup: '/aws/lambda/bench',
    });
  }

  /** The last settlement. */
  get settled(): LedgerRecord | undefined {
    return this.records.findLast(({ kind }) => kind === 'settle');
  }

  start(timeoutMs = 5000): { outcomes: CloudOutcome[]; cancel: () => void } {
    const outcomes: CloudOutcome[] = [];
    const deadline = performance.now() + timeoutMs;
    const call: CloudCall = { callId: '9', spec, params: '[1,2]', deadline, timeoutMs };
    const pending = this.calls.call(call, (outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual([]);
    return { outcomes, cancel: () => pending.cancel() };
  }
}

/** Lets what is due now happen. */
export async function turn(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

export function handlerSays(outcome: string, body: string, more: Record<string, string> = {}): Exchange {
  const headers = { [HEADERS.outcome]: outcome, [HEADERS.bundle]: 'abc', [HEADERS.runMs]: '20', ...more };
  return { ok: true, status: 200, headers, body: Buffer.from(body) };
}

export function gatewaySays(status: number, message = 'no'): Exchange {
  return { ok: true, status, headers: {}, body: Buffer.from(JSON.stringify({ message })) };
}
