/** The functions with their figures, a row for each place. */
import { byId, el, KeyedList, setText } from './dom.js';
import { perform } from './notices.js';
import { count, ms, plural } from './words.js';

/** @import { FunctionStatus, PlaceFigures, Snapshot } from '../operations.ts' */
/** @import { Rpc } from './rpc.js' */

/**
 * @param {Rpc} rpc
 * @param {(name: string) => void} onCall the operator wants to call this one
 * @returns {(snapshot: Snapshot) => void}
 */
export function createFunctionsPanel(rpc, onCall) {
  /** @type {KeyedList<FunctionStatus, FunctionRows>} */
  const rows = new KeyedList(
    byId('functions-table', HTMLElement),
    ({ name }) => createRows(name, onCall),
    (view, one) => view.show(one),
  );
  const reload = byId('reload', HTMLButtonElement);
  reload.addEventListener('click', () => {
    void perform(reload, async () => {
      const { functions, changed } = await rpc('functions.reload');
      if (!changed) return 'Nothing has changed: the bundle is the same.';
      return `Reloaded: ${plural(functions.length, 'function')}. Workers take the new bundle one by one.`;
    });
  });
  return ({ functions }) => rows.show(functions, ({ name }) => name);
}

/**
 * @typedef {object} FunctionRows
 * @property {HTMLElement} root
 * @property {(one: FunctionStatus) => void} show
 */

/**
 * @param {string} name
 * @param {(name: string) => void} onCall
 * @returns {FunctionRows}
 */
function createRows(name, onCall) {
  const summary = el('p', { class: 'hint' });
  const suspended = el('p', { class: 'fault' });
  const call = el('button', { type: 'button', 'aria-label': `Call ${name}` }, 'Call');
  call.addEventListener('click', () => onCall(name));
  const about = el(
    'div',
    { class: 'about' },
    el('div', {}, el('span', { class: 'name mono' }, name), summary, suspended),
    call,
  );
  const pool = createRow('pool');
  const cloud = createRow('cloud');
  const root = el(
    'tbody',
    {},
    el('tr', {}, el('th', { scope: 'rowgroup', colspan: '5' }, about)),
    pool.root,
    cloud.root,
  );
  return {
    root,
    show(one) {
      setText(summary, one.summary ?? '');
      setText(suspended, one.suspended === undefined ? '' : `Not offloaded for now: ${one.suspended}`);
      pool.show(one.pool);
      cloud.show(one.cloud);
    },
  };
}

/** @param {'pool' | 'cloud'} place */
function createRow(place) {
  const calls = el('span');
  const failed = el('span', { class: 'failed' });
  const [mean, p50, p99] = [el('td'), el('td'), el('td')];
  const root = el(
    'tr',
    {},
    el('td', {}, el('span', { class: 'badge', 'data-tone': place }, place)),
    el('td', {}, failed, calls),
    mean,
    p50,
    p99,
  );
  return {
    root,
    /** @param {PlaceFigures} figures */
    show(figures) {
      const some = figures.calls > 0;
      setText(calls, count(figures.calls));
      setText(failed, figures.failed > 0 ? `${count(figures.failed)} failed` : '');
      setText(mean, some ? ms(figures.meanMs) : '–');
      setText(p50, some ? ms(figures.p50Ms) : '–');
      setText(p99, some ? ms(figures.p99Ms) : '–');
    },
  };
}
