/** One body of bytes in, one reply of bytes out. Knows JSON-RPC and dispatch, and nothing of HTTP. */
import { isUtf8 } from 'node:buffer';
import { parseError, type CallError } from '../errors.ts';
import type { PendingCall } from '../dispatch/call.ts';
import { Batch } from './batch.ts';
import type { ProtocolDeps, ProtocolOptions } from './body.ts';
import { parseCallHeaders, type CallHeaders } from './call-options.ts';
import { parseLarge } from './large-body.ts';
import { errorReply, type Reply } from './reply.ts';
import { parseBody } from './request.ts';
import { createRules } from './rules.ts';
import { SingleCall } from './single.ts';

/** Answers bodies. */
export interface Protocol {
  /**
   * Answers one body, which has arrived in full just now.
   * `answer` is called exactly once, unless cancelled, and possibly before this returns; with undefined, there is
   * nothing to say. `cancel` gives up all calls of the body but its notifications: whoever sends those expects no
   * answer, so leaving early doesn't mean having lost interest.
   */
  handle(body: Buffer, headers: CallHeaders, answer: (reply: Reply | undefined) => void): PendingCall;
  /** From now on every call gets ShuttingDown; those under way go on. */
  stop(): void;
}

const NOTHING_PENDING: PendingCall = { cancel: () => undefined };

/** Makes the protocol; `deps.dispatch` is called for every valid call. */
export function createProtocol(deps: ProtocolDeps, options: ProtocolOptions): Protocol {
  let stopping = false;
  const applyRules = createRules({
    manifest: () => deps.manifest(),
    stopping: () => stopping,
    version: options.version ?? '0.0.0',
    log: deps.log,
  });

  return {
    stop() {
      stopping = true;
    },
    handle(bytes, headers, answer) {
      const arrivedAt = performance.now();
      if (!isUtf8(bytes)) return refuse(parseError('Parse error: the body is not UTF-8'), answer);
      const parsed = parseLarge(bytes) ?? parseBody(bytes.toString('utf8'), options.maxBatch);
      if (parsed.kind === 'invalid') return refuse(parsed.error, answer);
      const callOptions = parseCallHeaders(headers, options.backendChoice);
      const body = { deps, options, callOptions, arrivedAt, answer };
      if (parsed.kind === 'batch') {
        const batch = new Batch(body);
        batch.start(parsed.requests, applyRules);
        return batch;
      }
      const call = new SingleCall(parsed, body);
      applyRules(call);
      return call;
    },
  };
}

function refuse(error: CallError, answer: (reply: Reply) => void): PendingCall {
  answer(errorReply(error, 'null'));
  return NOTHING_PENDING;
}
