/**
 * The dashboard's files as the admin server sends them. They hold no data, so they need no token. What is not named
 * here can't be read through the server, whatever the path looks like.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';

/** One file, ready to be sent. */
export interface PageFile {
  readonly body: Buffer;
  /** Type, entity tag and caching; PAGE_HEADERS go with every answer besides. */
  readonly headers: Readonly<Record<'content-type' | 'etag' | 'cache-control', string>>;
}

/** Sent with every file: nothing from elsewhere, nothing inline, no frame round it, no address passed on. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Files of the chart library, which the page takes from /vendor/. */
const VENDOR_FILES = ['uPlot.esm.js', 'uPlot.min.css'];

/** Reads all files, by the path of their URL, from the page's folder or another one. */
export function readPageFiles(page = join(import.meta.dirname, 'page')): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(page)) {
    if (TYPES[extname(name)] !== undefined) files.set(`/${name}`, read(page, name));
  }
  files.set('/', read(page, 'index.html'));
  files.delete('/index.html');
  const vendor = dirname(createRequire(import.meta.url).resolve('uplot'));
  for (const name of VENDOR_FILES) files.set(`/vendor/${name}`, read(vendor, name));
  return files;
}

function read(folder: string, name: string): PageFile {
  const body = readFileSync(join(folder, name));
  return {
    body,
    headers: {
      'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
      etag: `"${createHash('sha256').update(body).digest('base64url')}"`,
      // A browser may keep it, and asks each time whether it is still the same.
      'cache-control': 'no-cache',
    },
  };
}
