import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createPacer } from '../../../../src/cloud/aws/pace.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it('keeps limited operations apart, each for itself, and no others', async () => {
  const pacer = createPacer();
  const turns: string[] = [];
  const take = (operation: string): void => {
    void pacer.turn(operation).then(() => turns.push(`${operation} at ${performance.now() - startedAt}`));
  };
  const startedAt = performance.now();
  for (const operation of [
    'CreateDeploymentCommand',
    'CreateDeploymentCommand',
    'GetStagesCommand',
    'GetStagesCommand',
  ]) {
    take(operation);
  }
  for (let count = 0; count < 2; count++) take('DeleteRestApiCommand');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(turns.toSorted()).toEqual([
    'CreateDeploymentCommand at 0',
    'CreateDeploymentCommand at 5000',
    'DeleteRestApiCommand at 0',
    'DeleteRestApiCommand at 30000',
    'GetStagesCommand at 0',
    'GetStagesCommand at 0',
  ]);
});

it('waits no longer than it is wanted', async () => {
  const pacer = createPacer();
  await pacer.turn('CreateRestApiCommand');
  const abort = new AbortController();
  const waiting = pacer.turn('CreateRestApiCommand', abort.signal);
  abort.abort(new Error('closing'));
  await expect(waiting).rejects.toThrow('closing');
  expect(vi.getTimerCount()).toBe(0);
});
