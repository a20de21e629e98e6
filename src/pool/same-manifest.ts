/** Whether two processes that loaded one bundle say the same of it. Pure. */

/**
 * Whether two manifests' JSON texts say the same, but for `default`s in the schemas of params: a function may compute
 * those (an id, today's date), and then each process and each day has its own.
 */
export function sameManifest(one: string, other: string): boolean {
  return one === other || withoutDefaults(one) === withoutDefaults(other);
}

function withoutDefaults(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json, (key, value: unknown) => (key === 'default' ? undefined : value)));
  } catch {
    return json; // whoever reads it will say what is wrong with it
  }
}
