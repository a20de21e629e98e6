/** Settings and manifests: whatever is in them, they are taken or refused with reasons. */
import { ConfigFault, parseConfig } from '../../src/config.ts';
import { parseManifest } from '../../src/functions/manifest.ts';
import { SETTINGS } from '../../src/settings.ts';
import type { Target } from './target.ts';

const NAMES = Object.values(SETTINGS).map(({ name }) => name);
const SECRET = 'k3y-that-nobody-may-see';

/** Makes the target: lines NAME=VALUE as the environment. */
export function settingsTarget(): Target {
  const full = Object.values(SETTINGS).map(({ name, default: value }) => `${name}=${value ?? ''}`);
  return {
    name: 'settings',
    corpus: [
      Buffer.from(full.join('\n')),
      ...full.map((line) => Buffer.from(line)),
      Buffer.from(
        `SPILLWAY_API_KEYS=${SECRET},${SECRET}\nSPILLWAY_ADMIN_TOKEN=${SECRET}\nSPILLWAY_HOST=0.0.0.0`,
      ),
      Buffer.from('SPILLWAY_WORKERS=1e3\nSPILLWAY_MAX_BODY=6 mb\nSPILLWAY_PORT=0x50'),
    ],
    dictionary: [
      ...NAMES,
      '=',
      '\n',
      '-1',
      '0',
      '1e309',
      'NaN',
      '0x10',
      ' ',
      'mb',
      'true',
      'auto',
      '::',
      '[::1]',
      'localhost',
      '٣',
      '\u0000',
      ',',
      '9'.repeat(400),
      '/'.repeat(300),
      '__proto__=1',
      'toString=',
      `SPILLWAY_API_KEYS=${SECRET}`,
    ],
    parallel: 1,
    run(input) {
      const env: Record<string, string> = {};
      for (const line of input.toString('utf8').split('\n')) {
        const at = line.indexOf('=');
        if (at > 0) env[line.slice(0, at)] = line.slice(at + 1);
      }
      try {
        const { workers, port, maxBodyBytes, timeoutMs } = parseConfig(env);
        const sane = [workers, port, maxBodyBytes, timeoutMs].every(
          (value) => Number.isSafeInteger(value) && value >= 0,
        );
        return sane ? undefined : `odd numbers: ${[workers, port, maxBodyBytes, timeoutMs].join()}`;
      } catch (error) {
        if (!(error instanceof ConfigFault)) throw error;
        if (error.faults.length === 0) return 'refused without a reason';
        return whyTold(error, env);
      }
    },
    finish: () => Promise.resolve(undefined),
  };
}

/** Whether a fault shows what is secret. Text that ended up in another setting's value is no secret any more. */
function whyTold(fault: ConfigFault, env: Record<string, string>): string | undefined {
  const elsewhere = Object.entries(env).some(([name, value]) => {
    return name !== 'SPILLWAY_API_KEYS' && name !== 'SPILLWAY_ADMIN_TOKEN' && (name + value).includes(SECRET);
  });
  return !elsewhere && fault.message.includes(SECRET) ? 'a fault shows a secret' : undefined;
}

/** Makes the target: what a worker may say its functions are. */
export function manifestTarget(): Target {
  const one = {
    name: 'f',
    summary: 's',
    style: 'positional',
    schema: { type: 'array', prefixItems: [{ type: 'number' }] },
    timeoutMs: 5,
    idempotent: true,
    offload: false,
    concurrency: 2,
    localTimeoutMs: 3,
  };
  const plain = { name: 'g', style: 'any', idempotent: true, offload: true, concurrency: 1 };
  return {
    name: 'manifest',
    corpus: [
      Buffer.from(JSON.stringify({ functions: [one] })),
      Buffer.from(JSON.stringify({ functions: [plain, one] })),
      Buffer.from(JSON.stringify({ functions: [plain, plain] })),
      Buffer.from('{"functions":[]}'),
    ],
    dictionary: [
      '"name":',
      '"rpc.x"',
      '"__proto__"',
      '"constructor"',
      '0',
      '-1',
      '1e9',
      '2147483648',
      'null',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"style":"any"',
      JSON.stringify(plain),
    ],
    parallel: 1,
    run(input) {
      let manifest;
      try {
        manifest = parseManifest(input.toString('utf8'));
      } catch (error) {
        return error instanceof Error && error.message !== '' ? undefined : 'refused without a reason';
      }
      for (const [name, spec] of manifest) {
        if (name !== spec.name || name.startsWith('rpc.') || spec.concurrency < 1) {
          return `taken: ${JSON.stringify(spec)}`;
        }
      }
      return manifest.size > 0 ? undefined : 'taken without a function';
    },
    finish: () => Promise.resolve(undefined),
  };
}
