/** The form that calls a function, and the answer. */
import { byId, el, setAttribute, setText } from './dom.js';
import { perform, submitButton } from './notices.js';
import { sampleParams } from './sample-params.js';
import { ms, usd } from './words.js';

/** @import { FunctionStatus, OperatorCallAnswer, Snapshot } from '../operations.ts' */
/** @import { Rpc } from './rpc.js' */

/** A longer answer is cut: a page that shows megabytes stands still. */
const MOST_CHARS = 20_000;

/**
 * @param {Rpc} rpc
 * @returns {{ show: (snapshot: Snapshot) => void, choose: (name: string) => void }}
 */
export function createCallPanel(rpc) {
  const form = byId('call-form', HTMLFormElement);
  const method = byId('method', HTMLSelectElement);
  const params = byId('params', HTMLTextAreaElement);
  /** @type {readonly FunctionStatus[]} */
  let functions = [];
  /** The sample that was put in: where it was changed, it is the operator's, and stays. */
  let sample = '';
  /** The function whose schema is shown, as text: a reload may change it. */
  let shown = '';

  const describe = () => {
    const one = functions.find(({ name }) => name === method.value);
    const next = one === undefined ? '' : JSON.stringify([one.name, one.params, one.summary]);
    if (one === undefined || next === shown) return;
    shown = next;
    setText(byId('method-words', HTMLElement), factsOf(one));
    setText(
      byId('schema', HTMLElement),
      one.params === undefined ? 'It has none: it takes anything.' : JSON.stringify(one.params, null, 2),
    );
    if (params.value === sample) params.value = sample = JSON.stringify(sampleParams(one.params), null, 2);
  };
  const choose = () => {
    // Params of another function are of no use.
    params.value = sample = shown = '';
    setFault(params, '');
    describe();
  };
  method.addEventListener('change', choose);
  params.addEventListener('input', () => setFault(params, ''));

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const request = readForm(form, method.value, params);
    if (request === undefined) return;
    void perform(submitButton(form), async () => {
      const startedAt = performance.now();
      const answer = await rpc('functions.call', request);
      showAnswer(answer, performance.now() - startedAt);
      return undefined;
    });
  });

  return {
    show(snapshot) {
      functions = snapshot.functions;
      const names = functions.map(({ name }) => name);
      if (names.join('\n') !== [...method.options].map(({ value }) => value).join('\n')) {
        const chosen = method.value;
        method.replaceChildren(...names.map((name) => el('option', { value: name }, name)));
        if (names.includes(chosen)) method.value = chosen;
      }
      describe();
    },
    choose(name) {
      // Chosen already: params that were typed for it stay.
      if (method.value !== name) {
        method.value = name;
        choose();
      }
      form.scrollIntoView({ block: 'nearest' });
      params.focus();
    },
  };
}

/** @param {FunctionStatus} one */
function factsOf({ summary, timeoutMs, idempotent, offload, concurrency }) {
  const facts = [
    `at most ${ms(timeoutMs)}`,
    idempotent ? 'idempotent' : 'not idempotent',
    offload ? 'may go to the cloud' : 'stays in the pool',
  ];
  if (concurrency > 1) facts.push(`${concurrency} at once in a slot`);
  return `${summary === undefined ? '' : `${summary} `}(${facts.join(', ')})`;
}

/**
 * What the form asks for; undefined where the params can't be read, which is said beside them.
 * @param {HTMLFormElement} form
 * @param {string} method
 * @param {HTMLTextAreaElement} field
 * @returns {Record<string, unknown> | undefined}
 */
function readForm(form, method, field) {
  const backend = new FormData(form).get('backend');
  const place = backend === '' ? {} : { backend };
  if (field.value.trim() === '') return { method, ...place };
  /** @type {unknown} */
  let params;
  try {
    params = JSON.parse(field.value);
  } catch (error) {
    setFault(field, `This is not JSON: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
  if (typeof params !== 'object' || params === null) {
    setFault(field, 'Params are an array, one value for each argument, or an object.');
    return undefined;
  }
  return { method, params, ...place };
}

/** @param {HTMLTextAreaElement} field @param {string} fault */
function setFault(field, fault) {
  setText(byId('params-fault', HTMLElement), fault);
  setAttribute(field, 'aria-invalid', fault === '' ? undefined : 'true');
  if (fault !== '') field.focus();
}

/** @param {OperatorCallAnswer} answer @param {number} tookMs as seen from here */
function showAnswer(answer, tookMs) {
  const { backend, worker, queueMs, runMs, error, costUsd, coldStart, callId } = answer;
  const facts = [
    backend === undefined
      ? 'ran nowhere'
      : `ran in the ${backend}${worker === undefined ? '' : ` on ${worker}`}`,
    `waited ${ms(queueMs)}`,
    `ran ${ms(runMs)}`,
    `${ms(tookMs)} from here`,
  ];
  if (coldStart === true) facts.push('cold start');
  if (costUsd !== undefined) facts.push(usd(costUsd));
  facts.push(`call ${callId}`);
  const badge = el(
    'span',
    { class: 'badge', 'data-tone': error === undefined ? 'good' : 'bad' },
    error === undefined ? 'Result' : `${error.name} ${error.code}`,
  );
  byId('answer-words', HTMLElement).replaceChildren(badge, ` ${facts.join(' · ')}`);
  const text =
    error === undefined
      ? JSON.stringify(answer.result ?? null, null, 2)
      : `${error.message}${error.data === undefined ? '' : `\n${JSON.stringify(error.data, null, 2)}`}`;
  const cut = text.length > MOST_CHARS;
  setText(
    byId('answer-text', HTMLElement),
    cut ? `${text.slice(0, MOST_CHARS)}… (${text.length} characters)` : text,
  );
  byId('answer', HTMLElement).hidden = false;
}
