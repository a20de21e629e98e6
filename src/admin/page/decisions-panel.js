/** The last decisions: where a call went, and why, in words. */
import { byId, el, KeyedList } from './dom.js';
import { because, clock, ms, placed } from './words.js';

/** @import { DecisionEntry, Snapshot } from '../operations.ts' */

/** @type {Readonly<Record<string, string>>} */
const TONES = { pool: 'pool', cloud: 'cloud', queue: 'warn', reject: 'bad' };

/** @returns {(snapshot: Snapshot) => void} */
export function createDecisionsPanel() {
  const none = byId('no-decisions', HTMLElement);
  /** @type {KeyedList<DecisionEntry, { root: HTMLElement }>} */
  const list = new KeyedList(
    byId('decisions-list', HTMLElement),
    (entry) => ({ root: createEntry(entry) }),
    // What was decided never changes.
    () => {},
  );
  return ({ decisions }) => {
    none.hidden = decisions.length > 0;
    list.show(decisions, ({ at, callId, place, reason }) => `${at} ${callId} ${place} ${reason}`);
  };
}

/** @param {DecisionEntry} entry @returns {HTMLElement} */
function createEntry(entry) {
  const { at, callId, method, place, reason } = entry;
  return el(
    'li',
    {},
    el('time', { datetime: new Date(at).toISOString() }, clock(at)),
    el('span', { class: 'badge', 'data-tone': TONES[place] ?? '' }, placed(place)),
    el('span', { class: 'mono' }, method),
    el('span', { class: 'words' }, `${because(reason)}${estimateWords(entry)}`),
    el('span', { class: 'call-id mono' }, callId),
  );
}

/** @param {DecisionEntry} entry */
function estimateWords({ localMs, cloudMs }) {
  const parts = [];
  if (localMs !== undefined) parts.push(`${ms(localMs)} here`);
  if (cloudMs !== undefined) parts.push(`${ms(cloudMs)} in the cloud`);
  return parts.length === 0 ? '' : `; expected: ${parts.join(', ')}`;
}
