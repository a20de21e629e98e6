/**
 * zod without its messages in 50 languages, each a module of its own: half of the time that it takes to load, and 8 MB. Those
 * in English stay, which it loads by itself.
 */
import type { z as Zod } from 'zod';
import { requireWithout } from './left-out.ts';

const LEFT_OUT = new Map([['../locales/index.cjs', /\/zod\/v4\/(classic|core)\/\w+\.cjs$/]]);

/** The package's main export; its types are to be had from the package. */
export const { z } = requireWithout('zod', LEFT_OUT) as { readonly z: typeof Zod };
