/** The pool: its workers, its size, and what its workers are. */
import { byId, KeyedList, setAttribute, setText } from './dom.js';
import { createLiveField } from './live-field.js';
import { perform, submitButton } from './notices.js';
import { clock, count } from './words.js';
import { createWorkerTile, stateWords } from './worker-tile.js';

/** @import { Snapshot, WorkerStatus } from '../operations.ts' */
/** @import { Rpc } from './rpc.js' */
/** @import { WorkerTile } from './worker-tile.js' */

/** Those that work stand first. */
const ORDER = ['ready', 'draining', 'ejected', 'starting', 'standby', 'gone'];

/** @type {Readonly<Record<string, string>>} */
const RUNTIMES = { docker: 'containers', process: 'processes', none: 'none' };

/**
 * @param {Rpc} rpc
 * @returns {(snapshot: Snapshot) => void}
 */
export function createPoolPanel(rpc) {
  const words = byId('pool-words', HTMLElement);
  const scaling = byId('scaling', HTMLElement);
  const size = createLiveField(byId('workers', HTMLInputElement));
  let now = 0;
  /** @type {KeyedList<WorkerStatus, WorkerTile>} */
  const tiles = new KeyedList(
    byId('workers-list', HTMLElement),
    ({ id }) => createWorkerTile(id, rpc),
    (tile, worker) => tile.show(worker, now),
  );
  const form = byId('resize-form', HTMLFormElement);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void perform(submitButton(form), async () => {
      const workers = Number(size.value);
      await rpc('pool.resize', { workers });
      size.release();
      return `The pool is now ${count(workers)} to ${count(2 * workers)} workers.`;
    });
  });
  return ({ at, status: { pool } }) => {
    now = at;
    setText(
      words,
      `${RUNTIMES[pool.runtime] ?? pool.runtime}, ${count(pool.min)} to ${count(pool.max)} · ${stateWords(pool)}`,
    );
    const last = pool.scaled;
    setText(
      scaling,
      last === undefined
        ? 'Not scaled since the start.'
        : `Last scaling, ${clock(last.at)}: to ${count(last.target)}, because ${last.reason}`,
    );
    size.show(String(pool.n));
    const workers = pool.workers.toSorted((a, b) => {
      return ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.startedAt - b.startedAt;
    });
    tiles.show(workers, ({ id }) => id);
    showRuntime(pool);
  };
}

/** Processes give less isolation than containers, so this is said where everybody sees it. @param {Snapshot['status']['pool']} pool */
function showRuntime({ runtime, runtimeReason }) {
  const note = byId('runtime-note', HTMLElement);
  note.hidden = runtime === 'docker';
  const none = runtime === 'none';
  setText(
    byId('runtime-title', HTMLElement),
    none ? 'There are no local workers.' : 'Workers are child processes, not containers.',
  );
  setText(
    byId('runtime-reason', HTMLElement),
    runtimeReason === undefined ? (none ? '' : 'SPILLWAY_RUNTIME asks for them.') : `Why: ${runtimeReason}`,
  );
  setAttribute(note, 'data-runtime', runtime);
}
