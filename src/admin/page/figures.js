/** The strip of figures at the top, and who the page speaks to. */
import { byId, el, setAttribute, setText } from './dom.js';
import { count, ms, percent, rate, slotCount, span } from './words.js';

/** @import { Snapshot } from '../operations.ts' */

/**
 * @typedef {object} Figure
 * @property {string} label
 * @property {(snapshot: Snapshot) => string} value
 * @property {(snapshot: Snapshot) => string} beside
 * @property {(snapshot: Snapshot) => boolean} [bad] the figure wants to be looked at
 */

/** @type {readonly Figure[]} */
const FIGURES = [
  {
    label: 'Calls a second',
    value: ({ rates }) => rate(rates.pool.perSecond + rates.cloud.perSecond),
    beside: ({ rates }) => `pool ${rate(rates.pool.perSecond)} · cloud ${rate(rates.cloud.perSecond)}`,
  },
  {
    label: 'Expected wait',
    value: ({ status }) => ms(status.pool.expectedWaitMs),
    beside: ({ status }) => `threshold ${ms(status.offload.waitMs)}`,
    bad: ({ status }) =>
      status.offload.policy === 'threshold' && status.pool.expectedWaitMs >= status.offload.waitMs,
  },
  {
    label: 'Slots busy',
    value: ({ status }) => `${slotCount(status.pool.busySlots)} of ${count(status.pool.slots)}`,
    beside: ({ status }) => `in ${count(status.pool.ready)} ready workers`,
  },
  {
    label: 'Waiting',
    value: ({ status }) => count(status.pool.queued),
    beside: () => 'calls in the queue',
  },
  {
    label: 'Calls so far',
    value: ({ status }) => count(status.calls.total),
    beside: ({ status }) => `${count(status.calls.retried)} tried again`,
  },
  {
    label: 'Offloaded',
    value: ({ status }) => count(status.calls.offloaded),
    beside: ({ status }) => `${percent(status.calls.offloaded, status.calls.total)} of all calls`,
  },
  {
    label: 'Failed',
    value: ({ status }) => count(status.calls.failed),
    beside: ({ status }) => `${percent(status.calls.failed, status.calls.total)} of all calls`,
  },
];

/** @returns {(snapshot: Snapshot) => void} */
export function createFigures() {
  const identity = byId('identity', HTMLElement);
  const views = FIGURES.map((figure) => {
    const value = el('span', { class: 'value' });
    const beside = el('span', { class: 'beside' });
    const root = el('div', {}, el('dt', {}, figure.label), el('dd', {}, value, el('br'), beside));
    return { figure, root, value, beside };
  });
  byId('figures', HTMLElement).replaceChildren(...views.map(({ root }) => root));
  return (snapshot) => {
    const { status } = snapshot;
    setText(identity, `pool ${status.pool.id} · version ${status.version} · up ${span(status.uptimeMs)}`);
    for (const { figure, root, value, beside } of views) {
      setText(value, figure.value(snapshot));
      setText(beside, figure.beside(snapshot));
      setAttribute(root, 'data-tone', figure.bad?.(snapshot) === true ? 'bad' : undefined);
    }
  };
}
