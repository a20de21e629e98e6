/** The admin token: kept for this tab only, and never left in the address bar. */

const KEY = 'spillway-token';

/** The token of the address (`#token=…`, as the log may print it) or of this tab. */
export function findToken() {
  const offered = new URLSearchParams(location.hash.slice(1)).get('token');
  if (offered !== null) {
    // Whoever looks at the screen, the history or a bookmark must not see it.
    history.replaceState(null, '', location.pathname + location.search);
    keepToken(offered);
  }
  return sessionStorage.getItem(KEY) ?? undefined;
}

/** @param {string} token */
export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
}

/**
 * What a request brings along to be let in.
 * @param {string} token
 */
export function authorization(token) {
  return { authorization: `Bearer ${token}` };
}

/**
 * Whether a header can carry it: what a browser can't send, no server has as its token.
 * @param {string} token
 */
export function canBeSent(token) {
  return /^[!-~]+$/.test(token);
}
