/** The admin API: JSON-RPC 2.0 over POST /rpc. */
import { authorization } from './token.js';

/** @typedef {(method: string, params?: Record<string, unknown>) => Promise<any>} Rpc */

/**
 * Makes the function that calls the admin API. What it rejects with is one line for the operator.
 * @param {string} token
 * @param {() => void} onRefused the token isn't accepted
 * @returns {Rpc}
 */
export function createRpc(token, onRefused) {
  let lastId = 0;
  return async (method, params = {}) => {
    const id = ++lastId;
    const response = await fetch('/rpc', {
      method: 'POST',
      headers: { ...authorization(token), 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
    }).catch(() => {
      throw new Error("The balancer can't be reached.");
    });
    if (response.status === 401) {
      onRefused();
      throw new Error('The token is not accepted.');
    }
    const answer = await response.json().catch(() => undefined);
    if (answer?.error !== undefined) throw new Error(String(answer.error.message));
    if (!response.ok || answer === undefined)
      throw new Error(`The balancer answered HTTP ${response.status}.`);
    return answer.result;
  };
}
