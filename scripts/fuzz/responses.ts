/** Reads what an HTTP server sent, strictly: a client that believes anything would hide faults. */

/** One response. */
export interface HttpResponse {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

const HEAD_END = '\r\n\r\n';
const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/;
const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\x20-\x7e]*$/;

/** All responses in order, or what is wrong with them. */
export function readResponses(bytes: Buffer): HttpResponse[] | string {
  const responses: HttpResponse[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(HEAD_END, at, 'latin1');
    if (end < 0) return `no response: ${show(bytes, at)}`;
    const [statusLine = '', ...lines] = bytes.toString('latin1', at, end).split('\r\n');
    const status = STATUS_LINE.exec(statusLine)?.[1];
    if (status === undefined) return `no status line: ${show(bytes, at)}`;
    const headers = new Map<string, string>();
    for (const line of lines) {
      if (!HEADER.test(line)) return `no header: ${JSON.stringify(line)}`;
      const colon = line.indexOf(':');
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const start = end + HEAD_END.length;
    const bodyless = Number(status) < 200 || status === '204';
    const length = bodyless ? 0 : Number(headers.get('content-length'));
    if (!Number.isSafeInteger(length)) return `no length: ${show(bytes, at)}`;
    if (start + length > bytes.length) return `cut off after ${bytes.length - start} of ${length} bytes`;
    const body = bytes.subarray(start, start + length);
    responses.push({ status: Number(status), type: headers.get('content-type') ?? '', body });
    at = start + length;
  }
  return responses;
}

function show(bytes: Buffer, at: number): string {
  return JSON.stringify(bytes.toString('latin1', at, at + 200));
}
