/** The only entry of a body that isn't a batch. */
import { internalError, tooLarge } from '../errors.ts';
import type { Outcome, PendingCall } from '../dispatch/call.ts';
import type { FunctionSpec } from '../functions/manifest.ts';
import { callRequest, type BodyContext } from './body.ts';
import { failed, replyTo, type EntryOutcome } from './reply.ts';
import type { ParsedRequest } from './request.ts';
import type { Entry } from './rules.ts';

/** A single call under way; its result goes out as the bytes that came. */
export class SingleCall implements Entry, PendingCall {
  readonly request: ParsedRequest;
  readonly #body: BodyContext;
  #pending: PendingCall | undefined;
  #over = false;

  constructor(request: ParsedRequest, body: BodyContext) {
    this.request = request;
    this.#body = body;
  }

  place(spec: FunctionSpec, answer: (outcome: Outcome | EntryOutcome) => void): void {
    const { callOptions, deps } = this.#body;
    if (callOptions.fault !== undefined) return answer(failed(callOptions.fault));
    this.#pending = deps.dispatch(callRequest(spec, this.request, this.#body), answer);
  }

  end(outcome: EntryOutcome | undefined, id: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#body.answer(outcome === undefined ? undefined : replyTo(this.#checked(outcome), id));
  }

  cancel(): void {
    if (this.#over || this.request.id === undefined) return;
    this.#over = true;
    this.#pending?.cancel();
  }

  #checked(outcome: EntryOutcome): EntryOutcome {
    if (!outcome.ok) return outcome;
    const { json, report } = outcome;
    const limit = this.#body.options.maxBodyBytes;
    if (json.length > limit) return failed(tooLarge('result', limit), report);
    if (json.length > 0) return outcome;
    // The bytes aren't parsed, but none at all would leave a hole in the answer.
    if (report?.worker !== undefined) this.#body.deps.onBadResult(report.worker);
    return failed(internalError(), report);
  }
}
