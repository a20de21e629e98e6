/** What became of an action, at the edge of the page: said once, and read out by a screen reader. */
import { byId, setAttribute } from './dom.js';

/** How long good news stays, in milliseconds. Bad news stays until it is dismissed or the next action. */
const GOOD_NEWS_MS = 8000;

const said = byId('said', HTMLElement);
const failed = byId('failed', HTMLElement);
const dismiss = byId('dismiss', HTMLButtonElement);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

dismiss.addEventListener('click', clear);

function clear() {
  clearTimeout(timer);
  said.textContent = '';
  failed.textContent = '';
  dismiss.hidden = true;
}

/** @param {string} text */
export function say(text) {
  clear();
  said.textContent = text;
  dismiss.hidden = false;
  timer = setTimeout(clear, GOOD_NEWS_MS);
}

/** @param {unknown} error */
export function fail(error) {
  clear();
  failed.textContent = error instanceof Error ? error.message : String(error);
  dismiss.hidden = false;
}

/**
 * Does what a button is for: once at a time, and says how it ended. The button keeps the focus, which one that is
 * disabled would lose.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<string | undefined>} action resolves with what to say
 */
export async function perform(button, action) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  setAttribute(button, 'aria-disabled', 'true');
  try {
    const text = await action();
    if (text === undefined) clear();
    else say(text);
  } catch (error) {
    fail(error);
  } finally {
    setAttribute(button, 'aria-disabled', undefined);
  }
}

/**
 * The button that sends a form.
 * @param {HTMLFormElement} form
 */
export function submitButton(form) {
  const found = form.querySelector('button[type="submit"]');
  if (!(found instanceof HTMLButtonElement)) throw new Error(`#${form.id} has no button`);
  return found;
}
