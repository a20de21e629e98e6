/** How the fake AWS answers over HTTP. */

export type Json = Record<string, unknown>;

/** What goes back over HTTP. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
}

export function ok(body: Json, status = 200): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    text: status === 204 ? '' : JSON.stringify(body),
  };
}

export function fault(status: number, type: string, message: string): Answer {
  const headers = { 'content-type': 'application/json', 'x-amzn-errortype': type };
  return { status, headers, text: JSON.stringify({ __type: type, message, Message: message }) };
}

export function notFound(): Answer {
  return fault(404, 'NotFoundException', 'Invalid identifier specified');
}

export function iamFault(code: string): Answer {
  const text = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${code}</Message></Error></ErrorResponse>`;
  return { status: code === 'NoSuchEntity' ? 404 : 409, headers: { 'content-type': 'text/xml' }, text };
}
