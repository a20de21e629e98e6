/** One worker as a tile. */
import { el, setAttribute, setText } from './dom.js';
import { perform } from './notices.js';
import { briefSpan, count, plural } from './words.js';

/** @import { WorkerStatus } from '../operations.ts' */
/** @import { Rpc } from './rpc.js' */

/** More slots than this are told as a number only. */
const MOST_MARKS = 32;
/** An engine shows as much of a container's id. */
const SHORT_ID = 12;

/**
 * @typedef {object} WorkerTile
 * @property {HTMLElement} root
 * @property {(worker: WorkerStatus, now: number) => void} show
 */

/**
 * @param {string} id
 * @param {Rpc} rpc
 * @returns {WorkerTile}
 */
export function createWorkerTile(id, rpc) {
  const state = el('span', { class: 'state' });
  const reason = el('p', { class: 'hint reason' });
  const marks = el('div', { class: 'slots', 'aria-hidden': 'true' });
  const place = el('span', { class: 'mono' });
  const drain = el('button', { type: 'button', 'aria-label': `Drain ${id}` }, 'Drain');
  drain.addEventListener('click', () => {
    void perform(drain, async () => {
      await rpc('workers.drain', { id });
      return `${id} is being drained: it ends its calls, and another takes its place.`;
    });
  });
  const facts = new Map(
    ['running', 'calls', 'cpu', 'failed', 'memory', 'up'].map((name) => [name, el('dd')]),
  );
  const root = el(
    'li',
    { class: 'worker' },
    el('header', {}, el('h3', { class: 'mono', title: id }, id), state),
    reason,
    marks,
    el('dl', {}, ...[...facts].flatMap(([name, value]) => [el('dt', {}, name), value])),
    el('div', { class: 'identity-line' }, place, drain),
  );
  return {
    root,
    show(worker, now) {
      setAttribute(root, 'data-state', worker.state);
      setText(state, worker.state);
      setText(reason, worker.reason ?? '');
      showMarks(marks, worker);
      const values = {
        running: runningWords(worker),
        calls: count(worker.calls),
        failed: count(worker.failures),
        cpu: worker.cpu === undefined ? '–' : `${Math.round(worker.cpu * 100)}%`,
        memory: worker.memoryMb === undefined ? '–' : `${count(worker.memoryMb)} MB`,
        up: briefSpan(now - worker.startedAt),
      };
      for (const [name, value] of Object.entries(values))
        setText(/** @type {Node} */ (facts.get(name)), value);
      setText(place, placeOf(worker));
      setAttribute(place, 'title', worker.containerId);
      // A worker that is on its way out, or paused, can't be drained.
      drain.hidden = !['ready', 'ejected', 'starting'].includes(worker.state);
    },
  };
}

/** Where calls share a slot, or wait in one, they aren't so many of the slots. @param {WorkerStatus} worker */
function runningWords({ running, busySlots, slots }) {
  return running === busySlots ? `${count(running)} of ${count(slots)}` : plural(running, 'call');
}

/** @param {WorkerStatus} worker */
function placeOf({ containerId, pid }) {
  if (containerId !== undefined) return containerId.slice(0, SHORT_ID);
  return pid === undefined ? '' : `pid ${pid}`;
}

/** @param {HTMLElement} marks @param {WorkerStatus} worker */
function showMarks(marks, { state, slots, busySlots }) {
  const shown = state === 'standby' || state === 'gone' || slots > MOST_MARKS ? 0 : slots;
  while (marks.childElementCount > shown) marks.lastElementChild?.remove();
  while (marks.childElementCount < shown) marks.append(el('i'));
  for (const [index, mark] of [...marks.children].entries()) {
    setAttribute(mark, 'data-busy', index < busySlots ? '' : undefined);
  }
}

/**
 * The states of all workers, in words: `4 ready, 1 standby`.
 * @param {Readonly<Record<'ready' | 'starting' | 'ejected' | 'draining' | 'standby', number>>} counts
 */
export function stateWords(counts) {
  const parts = /** @type {const} */ (['ready', 'starting', 'draining', 'ejected', 'standby'])
    .filter((state) => state === 'ready' || counts[state] > 0)
    .map((state) =>
      state === 'standby' ? plural(counts[state], 'standby', 'standbys') : `${count(counts[state])} ${state}`,
    );
  return parts.join(', ');
}
