/** What dispatch knows of the functions, of the bundle in use and of those before it that still have calls. */
import type { FunctionSpec, Manifest } from '../functions/manifest.ts';
import { RunTimes } from './estimates.ts';
import type { FunctionRecord } from './function-record.ts';

/** The records by spec, and where each bundle has which function. */
export class Records {
  /** As long as anybody knows a spec: a call of an earlier bundle may still come, in a batch that has begun. */
  readonly #records = new WeakMap<FunctionSpec, FunctionRecord>();
  /** Of each function by name, its index in each bundle in use. */
  readonly #indexes = new Map<string, Map<string, number>>();

  /** Learns the functions of a bundle. What was measured of an earlier one's says nothing about them. */
  learn(manifest: Manifest, bundle: string): void {
    let index = 0;
    for (const spec of manifest.values()) {
      const indexes = this.#indexes.get(spec.name) ?? new Map<string, number>();
      this.#indexes.set(spec.name, indexes.set(bundle, index));
      this.#records.set(spec, {
        indexes,
        local: new RunTimes(),
        cloud: new RunTimes(),
        estimates: undefined,
      });
      index += 1;
    }
  }

  /** @throws Error for a spec that no manifest has had. */
  of(spec: FunctionSpec): FunctionRecord {
    const record = this.#records.get(spec);
    if (record === undefined) throw new Error(`dispatch: unknown function ${spec.name}`);
    return record;
  }

  /** No worker runs this bundle any more. */
  forget(bundle: string): void {
    for (const [name, indexes] of this.#indexes) {
      if (indexes.delete(bundle) && indexes.size === 0) this.#indexes.delete(name);
    }
  }
}
