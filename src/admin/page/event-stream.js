/** Reads a text/event-stream: fetch is used in place of EventSource, which can't send a header. */

/**
 * Takes text in any pieces and calls back with the data of every whole event.
 * @param {(data: string) => void} onData
 * @returns {(text: string) => void}
 */
export function createEventParser(onData) {
  let rest = '';
  /** @type {string[]} */
  let data = [];
  return (text) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
      else if (line === '' && data.length > 0) {
        onData(data.join('\n'));
        data = [];
      }
    }
  };
}

/** The token isn't accepted. */
export class Refused extends Error {}

/**
 * Reads the stream until it ends.
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {AbortSignal} signal
 * @param {{ onData: (data: string) => void, onBytes: () => void }} listener onBytes: something came, if only a sign of life
 * @throws {Refused} with 401
 */
export async function readEvents(url, headers, signal, { onData, onBytes }) {
  const response = await fetch(url, { headers, signal, cache: 'no-store' });
  if (response.status === 401) throw new Refused('the token is not accepted');
  if (!response.ok || response.body === null)
    throw new Error(`the balancer answered HTTP ${response.status}`);
  const parse = createEventParser(onData);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    parse(value);
  }
}
