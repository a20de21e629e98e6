/** The dashboard: signs in, keeps the feed, and hands every snapshot to the panels. */
import { createCallPanel } from './call-panel.js';
import { createCharts } from './charts.js';
import { createCloudPanel } from './cloud-panel.js';
import { createDecisionsPanel } from './decisions-panel.js';
import { byId, setAttribute, setText } from './dom.js';
import { Feed } from './feed.js';
import { createFigures } from './figures.js';
import { createFunctionsPanel } from './functions-panel.js';
import { History } from './history.js';
import { createPoolPanel } from './pool-panel.js';
import { createRpc } from './rpc.js';
import { canBeSent, findToken, forgetToken, keepToken } from './token.js';
import { clock } from './words.js';

/** @import { Snapshot } from '../operations.ts' */

/** How often the wait for the next try is counted down, in milliseconds. */
const COUNTDOWN_MS = 1000;

const signIn = byId('sign-in', HTMLElement);
const dashboard = byId('dashboard', HTMLElement);
const feedState = byId('feed', HTMLElement);
const pause = byId('pause', HTMLButtonElement);

/** @param {string} fault why the token is asked for again; empty at first */
function askForToken(fault) {
  dashboard.hidden = true;
  byId('session', HTMLElement).hidden = true;
  signIn.hidden = false;
  setText(byId('token-fault', HTMLElement), fault);
  byId('token', HTMLInputElement).focus();
}

byId('token-form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  const field = byId('token', HTMLInputElement);
  const token = field.value.trim();
  if (!canBeSent(token)) {
    askForToken('This can’t be a token: it has spaces or characters outside of ASCII.');
    return;
  }
  field.value = '';
  keepToken(token);
  // A new document, so that nothing of an earlier session is left in this one.
  location.reload();
});

byId('forget', HTMLButtonElement).addEventListener('click', () => {
  forgetToken();
  location.reload();
});

/** @param {string} token */
function open(token) {
  signIn.hidden = true;
  dashboard.hidden = false;
  byId('session', HTMLElement).hidden = false;

  const history = new History();
  const rpc = createRpc(token, refuse);
  const callPanel = createCallPanel(rpc);
  const functionsPanel = createFunctionsPanel(rpc, callPanel.choose);
  const panels = [
    createFigures(),
    createCloudPanel(rpc, history),
    createPoolPanel(rpc),
    functionsPanel,
    callPanel.show,
    createDecisionsPanel(),
    createCharts(history),
  ];
  /** @type {Snapshot | undefined} */
  let last;
  /** The one that is shown; while the page is paused, it stays. @type {Snapshot | undefined} */
  let drawn;
  const paused = () => pause.getAttribute('aria-pressed') === 'true';
  let frame = 0;
  // Once a frame at most, and not at all while nobody looks.
  const show = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      if (last === undefined || paused()) return;
      drawn = last;
      for (const panel of panels) panel(last);
    });
  };
  const lost = createLostBanner(() => feed.retry());
  const feed = new Feed(token, {
    onSnapshot: (snapshot) => {
      last = snapshot;
      history.add(snapshot);
      lost.hide();
      setFeedState('live', paused() ? 'Paused' : 'Live');
      show();
    },
    onLost: (why, waitMs) => {
      setFeedState('lost', 'Not connected');
      lost.show(why, waitMs, drawn?.at);
    },
    onTry: () => {
      if (last === undefined) setFeedState('', 'Connecting');
    },
    onRefused: refuse,
  });
  pause.addEventListener('click', () => {
    setAttribute(pause, 'aria-pressed', String(!paused()));
    if (feedState.dataset['state'] === 'live') setText(feedState, paused() ? 'Paused' : 'Live');
    show();
  });
  // A page that comes back into view is to be right at once.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') feed.retry();
  });

  function refuse() {
    feed.end();
    forgetToken();
    askForToken('This token is not accepted. Is it of another balancer, or has it been changed?');
  }
}

/** @param {string} state @param {string} words */
function setFeedState(state, words) {
  setAttribute(feedState, 'data-state', state);
  setText(feedState, words);
  setAttribute(dashboard, 'data-stale', state === 'live' ? undefined : '');
}

/** @param {() => void} onRetry */
function createLostBanner(onRetry) {
  const banner = byId('lost', HTMLElement);
  const countdown = byId('lost-countdown', HTMLElement);
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  const retry = byId('retry', HTMLButtonElement);
  retry.addEventListener('click', onRetry);
  return {
    hide() {
      clearInterval(timer);
      banner.hidden = true;
    },
    /** @param {string} why @param {number} waitMs @param {number | undefined} lastAt */
    show(why, waitMs, lastAt) {
      clearInterval(timer);
      banner.hidden = false;
      const frozen = lastAt === undefined ? '' : ` What is shown is of ${clock(lastAt)}.`;
      setText(byId('lost-text', HTMLElement), `The connection is lost: ${why}.${frozen}`);
      const until = performance.now() + waitMs;
      const tell = () => {
        const seconds = Math.ceil((until - performance.now()) / 1000);
        setText(countdown, seconds > 0 ? `Next try in ${seconds} s.` : 'Trying now.');
      };
      tell();
      timer = setInterval(tell, COUNTDOWN_MS);
    },
  };
}

const token = findToken();
if (token === undefined) askForToken('');
else if (canBeSent(token)) open(token);
else {
  forgetToken();
  askForToken('This can’t be a token: it has spaces or characters outside of ASCII.');
}
