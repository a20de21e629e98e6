/** Who may talk to the admin port: whoever has the token, and no web page but its own. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

const BEARER = /^bearer +(\S+) *$/i;

/** Makes the check of the bearer token. Digests of equal length are compared, so time tells nothing about the token. */
export function createTokenCheck(token: string): (headers: IncomingHttpHeaders) => boolean {
  const expected = digest(Buffer.from(token));
  return ({ authorization }) => {
    const offered = BEARER.exec(authorization ?? '')?.[1];
    // A header's characters are its bytes.
    return offered !== undefined && timingSafeEqual(expected, digest(Buffer.from(offered, 'latin1')));
  };
}

function digest(token: Buffer): Buffer {
  return hash('sha256', token, 'buffer');
}

/**
 * Why a request is refused whatever token it brings, or undefined. A name that an attacker owns may be made to resolve
 * to this machine, and a browser then takes the port for a part of the attacker's site (DNS rebinding); so the port
 * answers only to addresses, localhost and the host it was configured with. Another site's page is told by its Origin.
 */
export function foreignRequest(headers: IncomingHttpHeaders, configuredHost: string): string | undefined {
  const { host, origin } = headers;
  const name = hostName(host);
  const known =
    name !== undefined && (isIP(name) !== 0 || name === 'localhost' || name === configuredHost.toLowerCase());
  if (!known) {
    return `the admin port doesn't answer to the host ${quote(host)}; use an IP address, localhost or SPILLWAY_ADMIN_HOST`;
  }
  if (origin !== undefined && origin !== `http://${String(host)}` && origin !== `https://${String(host)}`) {
    return `the admin port takes no requests from pages of ${quote(origin)}`;
  }
  return undefined;
}

/** The name in a Host header, without port and brackets, in lower case; undefined where there is none. */
function hostName(host: string | undefined): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^:[\]@/\s]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (found?.[1] ?? found?.[2])?.toLowerCase();
}

const LONGEST_QUOTE = 60;

function quote(text: string | undefined): string {
  if (text === undefined) return '(none)';
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}
