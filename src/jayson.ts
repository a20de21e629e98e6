/** jayson, loaded when it is first needed: plain calls never do, and it comes with 40 modules. */
import { createRequire } from 'node:module';
import type Jayson from 'jayson';

const require = createRequire(import.meta.url);

/** The package. Blocks for some 30 ms the first time. */
export function jayson(): typeof Jayson {
  return require('jayson') as typeof Jayson;
}
