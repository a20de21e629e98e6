/** The manifests of the bundles in use: the first fresh worker that loads a bundle says what is in it (DESIGN decision 5). */
import { parseManifest, type Manifest } from './manifest.ts';
import { messageOf } from '../message-of.ts';
import { sameManifest } from '../pool/same-manifest.ts';

/** By the bundles' hashes. */
export class Manifests {
  readonly #known = new Map<string, { readonly json: string; readonly manifest: Manifest }>();

  /** Undefined while no worker has loaded that bundle. */
  of(bundle: string): Manifest | undefined {
    return this.#known.get(bundle)?.manifest;
  }

  /** A worker says what is in a bundle. Returns why that is refused, or undefined. */
  refuse(json: string, bundle: string): string | undefined {
    const known = this.#known.get(bundle);
    if (known !== undefined) {
      return sameManifest(json, known.json)
        ? undefined
        : 'its manifest is another than the first worker’s for this bundle';
    }
    try {
      this.#known.set(bundle, { json, manifest: parseManifest(json) });
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  forget(bundle: string): void {
    this.#known.delete(bundle);
  }
}
