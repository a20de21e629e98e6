/** Content-Type: what a body says it is. */

/** `type/subtype`, then parameters; RFC 9110, 8.3.1. */
const MEDIA_TYPE = /^([!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+)[ \t]*((?:;.*)?)$/s;
const PARAMETER = /;[ \t]*(?:([!#$%&'*+.^_`|~\w-]+)=([!#$%&'*+.^_`|~\w-]+|"(?:[^"\\]|\\.)*")[ \t]*)?/gsy;

/** The type in use, and the two that the older JSON-RPC over HTTP drafts allow. */
const ACCEPTED = new Set(['application/json', 'application/json-rpc', 'application/jsonrequest']);

/**
 * Why a body of this Content-Type isn't taken; undefined if it is.
 * JSON between systems is UTF-8 (RFC 8259), so a charset that says otherwise is refused, not guessed at.
 */
export function whyNotJson(contentType: string | undefined): string | undefined {
  if (contentType === 'application/json') return undefined;
  if (contentType === undefined) return 'the content type is missing';
  const [, type = '', parameters = ''] = MEDIA_TYPE.exec(contentType) ?? [];
  if (!ACCEPTED.has(type.toLowerCase())) return `the content type is ${quote(contentType)}`;
  PARAMETER.lastIndex = 0;
  let read = 0;
  for (let found = PARAMETER.exec(parameters); found !== null; found = PARAMETER.exec(parameters)) {
    read = PARAMETER.lastIndex;
    const [, name, value = ''] = found;
    if (name?.toLowerCase() !== 'charset') continue;
    const charset = value.replace(/^"|"$|\\/g, '').toLowerCase();
    if (charset !== 'utf-8' && charset !== 'utf8') return `the charset is ${quote(charset)}; JSON is UTF-8`;
  }
  return read === parameters.length ? undefined : `the content type ${quote(contentType)} can't be read`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
