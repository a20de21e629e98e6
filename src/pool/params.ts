/** A call's params on their way through the balancer, which hands them on as they came. */

/** The params' raw JSON text, an array or an object: as text, or, where they are large, as its UTF-8. */
export type Params = string | Buffer;

/** The text. */
export function textOf(params: Params): string {
  return typeof params === 'string' ? params : params.toString('utf8');
}
