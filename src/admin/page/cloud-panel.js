/** The cloud: its state in words, where calls ran, what was spent, and what can be done about it. */
import { byId, el, setAttribute, setShare, setText } from './dom.js';
import { createLiveField } from './live-field.js';
import { perform, submitButton } from './notices.js';
import { because, cloudFigures, cloudWords, count, ms, percent, plural, policyWords, usd } from './words.js';

/** @import { Snapshot } from '../operations.ts' */
/** @import { History } from './history.js' */
/** @import { Rpc } from './rpc.js' */

/** What the split is of, in seconds. */
const SPLIT_S = 60;

/** @type {Readonly<Record<string, string>>} */
const TONES = { ready: 'good', deploying: 'warn', degraded: 'bad' };

/**
 * @param {Rpc} rpc
 * @param {History} history
 * @returns {(snapshot: Snapshot) => void}
 */
export function createCloudPanel(rpc, history) {
  const showOffload = createOffloadForm(rpc);
  createActions(rpc);
  return ({ status: { cloud, offload } }) => {
    const state = byId('cloud-state', HTMLElement);
    setText(state, cloud.state);
    setAttribute(state, 'data-tone', TONES[cloud.state]);
    const why =
      cloud.reason === undefined || cloud.reason === cloud.state ? '' : ` Why: ${because(cloud.reason)}.`;
    setText(byId('cloud-words', HTMLElement), cloudWords(cloud.state) + why);
    setText(byId('cloud-detail', HTMLElement), cloud.detail ?? '');
    showFacts(cloud);
    showSplit(history.sum('poolRate', SPLIT_S), history.sum('cloudRate', SPLIT_S));
    showBudget(cloud);
    showOffload(offload);
  };
}

/** @param {Snapshot['status']['cloud']} cloud */
function showFacts({ functionName, url, calls, inFlight, figures }) {
  /** @type {[string, string][]} */
  const facts = [['Calls', `${count(calls)}, ${count(inFlight)} under way`]];
  if (functionName !== undefined) facts.push(['Function', functionName]);
  if (url !== undefined) facts.push(['Address', url]);
  facts.push(...cloudFigures(figures ?? {}));
  const list = byId('cloud-facts', HTMLElement);
  const wanted = facts.flat();
  while (list.childElementCount > wanted.length) list.lastElementChild?.remove();
  while (list.childElementCount < wanted.length)
    list.append(el(list.childElementCount % 2 === 0 ? 'dt' : 'dd'));
  for (const [index, text] of wanted.entries()) setText(/** @type {Element} */ (list.children[index]), text);
}

/** @param {number} pool @param {number} cloud calls */
function showSplit(pool, cloud) {
  const all = pool + cloud;
  const [poolPart, cloudPart] = byId('split', HTMLElement).children;
  setShare(/** @type {HTMLElement} */ (poolPart), all === 0 ? 0 : pool / all);
  setShare(/** @type {HTMLElement} */ (cloudPart), all === 0 ? 0 : cloud / all);
  const words = `Pool ${percent(pool, all)} (${count(pool)}) · cloud ${percent(cloud, all)} (${count(cloud)})`;
  setText(byId('split-words', HTMLElement), all === 0 ? 'No calls.' : words);
}

/** @param {Snapshot['status']['cloud']} cloud */
function showBudget({ costTodayUsd, budgetUsd }) {
  const bar = byId('budget', HTMLElement);
  const full = costTodayUsd >= budgetUsd;
  setShare(/** @type {HTMLElement} */ (bar.firstElementChild), budgetUsd > 0 ? costTodayUsd / budgetUsd : 1);
  setAttribute(bar, 'data-full', full ? '' : undefined);
  const words = `${usd(costTodayUsd)} of ${usd(budgetUsd)} (${percent(costTodayUsd, budgetUsd)})`;
  setText(
    byId('budget-words', HTMLElement),
    full ? `${words}: spent, nothing more is offloaded today` : words,
  );
}

/**
 * @param {Rpc} rpc
 * @returns {(offload: Snapshot['status']['offload']) => void}
 */
function createOffloadForm(rpc) {
  const form = byId('offload-form', HTMLFormElement);
  const select = byId('policy', HTMLSelectElement);
  const policy = createLiveField(select, () =>
    setText(byId('policy-hint', HTMLElement), policyWords(select.value)),
  );
  const waitMs = createLiveField(byId('wait-ms', HTMLInputElement));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void perform(submitButton(form), async () => {
      const wanted = { policy: policy.value, waitMs: Number(waitMs.value) };
      await rpc('offload.set', wanted);
      policy.release();
      waitMs.release();
      return `Offload policy: ${wanted.policy}, wait ${ms(wanted.waitMs)}.`;
    });
  });
  setText(byId('policy-hint', HTMLElement), policyWords(select.value));
  return (offload) => {
    policy.show(offload.policy);
    waitMs.show(String(offload.waitMs));
  };
}

/** @param {Rpc} rpc */
function createActions(rpc) {
  const plan = byId('plan', HTMLButtonElement);
  plan.addEventListener('click', () => {
    void perform(plan, async () => {
      const { steps } = await rpc('cloud.deploy', { dryRun: true });
      report('What a deploy would do', steps, 'Nothing: everything is as it should be.');
      return undefined;
    });
  });
  const deploy = byId('deploy', HTMLButtonElement);
  deploy.addEventListener('click', () => {
    void perform(deploy, async () => {
      const { steps } = await rpc('cloud.deploy', { dryRun: false });
      report('Deployed', steps, 'Nothing was to be done.');
      return `Deployed in ${plural(steps.length, 'step')}.`;
    });
  });
  const destroy = byId('destroy', HTMLButtonElement);
  const dialog = byId('destroy-dialog', HTMLDialogElement);
  destroy.addEventListener('click', () => {
    dialog.returnValue = '';
    dialog.showModal();
  });
  dialog.addEventListener('close', () => {
    if (dialog.returnValue !== 'destroy') return;
    void perform(destroy, async () => {
      const { removed, left } = await rpc('cloud.destroy');
      report('Removed', removed, 'Nothing was there.');
      if (left.length > 0) throw new Error(`Still there: ${left.join(', ')}`);
      return `Removed ${plural(removed.length, 'thing')}.`;
    });
  });
}

/** @param {string} title @param {readonly string[]} lines @param {string} empty */
function report(title, lines, empty) {
  const box = byId('cloud-report', HTMLElement);
  box.hidden = false;
  box.replaceChildren(
    el('h3', {}, title),
    lines.length === 0 ? el('p', {}, empty) : el('ul', {}, ...lines.map((line) => el('li', {}, line))),
  );
}
