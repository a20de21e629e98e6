import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { vi } from 'vitest';
import { createAwsCloud } from '../../src/cloud/aws/cloud.ts';
import type { CloudBundle } from '../../src/cloud/backend.ts';
import { FakeCloud } from '../fakes/cloud.ts';
import { findMiniStack, startMiniStack } from '../support/ministack.ts';
import { testCloud, type CloudSetup } from './cloud.ts';
import { textOf } from '../../src/pool/params.ts';

function bundle(hash: string, ...more: string[]): CloudBundle {
  const code = `
    exports.manifestJson = () => '{}';
    exports.invoke = (name, params) => name === 'echo'
      ? { ok: true, json: params }
      : new Promise((resolve) => setTimeout(resolve, JSON.parse(params)[0], { ok: true, json: 'null' }));
  `;
  return { hash, code: new TextEncoder().encode(code), functions: ['echo', 'sleep', ...more] };
}

testCloud('fake', async (): Promise<CloudSetup> => {
  const cloud = new FakeCloud();
  cloud.run = ({ spec, params = '' }) => {
    if (spec.name === 'echo') return { ok: true, json: textOf(params) };
    const [ms] = JSON.parse(textOf(params)) as [number];
    return new Promise((resolve) => setTimeout(resolve, ms, { ok: true, json: 'null' }));
  };
  return { cloud, bundles: [bundle('h1'), bundle('h2', 'fresh')], stop: async () => undefined };
});

const ministack = findMiniStack('contract of the AWS cloud');

testCloud(
  'aws',
  async (): Promise<CloudSetup> => {
    const aws = await startMiniStack(ministack.missing === undefined ? ministack.program : '');
    const stateDir = mkdtempSync(join(tmpdir(), 'spillway-cloud-'));
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    const cloud = createAwsCloud({
      pool: 'contract',
      region: 'eu-central-1',
      endpoint: aws.url,
      memoryMb: 1769,
      architecture: 'x86_64',
      budgetUsd: 1,
      functionEnv: {},
      mode: 'aws',
      stateDir,
      maxResultBytes: 1_000_000,
      log: pino({ level: 'silent' }),
    });
    const stop = async (): Promise<void> => {
      await aws.stop();
      rmSync(stateDir, { recursive: true, force: true });
      vi.unstubAllEnvs();
    };
    return { cloud, bundles: [bundle('h1'), bundle('h2', 'fresh')], stop };
  },
  ministack.missing,
);
