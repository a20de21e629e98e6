/** API keys: who may call. */
import { hash, timingSafeEqual } from 'node:crypto';

/** The two headers that carry a key. */
export interface KeyHeaders {
  readonly authorization?: string | undefined;
  readonly 'x-api-key'?: string | readonly string[] | undefined;
}

const BEARER = /^bearer +(\S+) *$/i;

/**
 * Makes the check for the keys given; without keys everyone is let in.
 * Time tells nothing about a key: digests of equal length are compared, and always all of them.
 */
export function createKeyCheck(keys: readonly string[]): (headers: KeyHeaders) => boolean {
  if (keys.length === 0) return () => true;
  const digests = keys.map((key) => digest(Buffer.from(key)));

  const isKey = (candidate: string | undefined): boolean => {
    if (candidate === undefined) return false;
    // A header's characters are its bytes; a key may have been configured in UTF-8.
    const offered = digest(Buffer.from(candidate, 'latin1'));
    let known = false;
    for (const expected of digests) known = timingSafeEqual(expected, offered) || known;
    return known;
  };

  return (headers) => {
    const bearer = BEARER.exec(headers.authorization ?? '')?.[1];
    const key = headers['x-api-key'];
    return isKey(bearer) || isKey(typeof key === 'string' ? key : undefined);
  };
}

function digest(key: Buffer): Buffer {
  return hash('sha256', key, 'buffer');
}
