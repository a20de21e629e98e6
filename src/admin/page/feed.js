/** The live feed: keeps one event stream open, notices when it is gone, and opens it again. */
import { readEvents, Refused } from './event-stream.js';
import { authorization } from './token.js';

/** @import { Snapshot } from '../operations.ts' */

/** A snapshot comes every second; after this long without one the connection counts as lost, in milliseconds. */
const SILENCE_MS = 5000;
/** The first wait before trying again, and the longest, in milliseconds. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/**
 * How long to wait before a try. Spread out, so that many pages don't come back in one moment.
 * @param {number} failures in a row, from 1
 * @param {number} chance 0 … 1
 */
function waitBefore(failures, chance) {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1)) * (0.5 + chance / 2);
}

/**
 * @typedef {object} FeedListener
 * @property {(snapshot: Snapshot) => void} onSnapshot
 * @property {(why: string, waitMs: number) => void} onLost the connection is gone; the next try is after waitMs
 * @property {() => void} onTry a connection is being made
 * @property {() => void} onRefused the token isn't accepted; the feed has ended
 */

export class Feed {
  #token;
  #listener;
  #ended = new AbortController();
  #failures = 0;
  /** Ends the present wait. @type {() => void} */
  #hurry = () => {};

  /**
   * @param {string} token
   * @param {FeedListener} listener
   */
  constructor(token, listener) {
    this.#token = token;
    this.#listener = listener;
    void this.#run();
  }

  /** Tries at once, where it waits. */
  retry() {
    this.#hurry();
  }

  end() {
    this.#ended.abort();
    this.#hurry();
  }

  async #run() {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      this.#listener.onTry();
      const why = await this.#read();
      if (signal.aborted) return;
      if (why instanceof Refused) {
        this.#listener.onRefused();
        return;
      }
      this.#failures += 1;
      const waitMs = waitBefore(this.#failures, Math.random());
      this.#listener.onLost(why.message, waitMs);
      await this.#wait(waitMs);
    }
  }

  /** Reads until the stream ends, and says why it did. @returns {Promise<Error>} */
  async #read() {
    const silence = new AbortController();
    const giveUp = () => silence.abort(new Error('nothing was heard for 5 s'));
    let timer = setTimeout(giveUp, SILENCE_MS);
    try {
      await readEvents(
        '/events',
        authorization(this.#token),
        AbortSignal.any([this.#ended.signal, silence.signal]),
        {
          onBytes: () => {
            clearTimeout(timer);
            timer = setTimeout(giveUp, SILENCE_MS);
          },
          onData: (data) => {
            this.#failures = 0;
            this.#listener.onSnapshot(JSON.parse(data));
          },
        },
      );
      return new Error('the balancer closed the connection');
    } catch (error) {
      // A browser says no more of a failed connection than that it failed.
      if (error instanceof TypeError) return new Error("the balancer can't be reached");
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {number} waitMs @returns {Promise<void>} */
  #wait(waitMs) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
