/** The mix of functions on record, for a calibration's recommendation. A part of the composition root. */
import type { Cells } from './admin/recorder.ts';
import type { Mix, MixEntry } from './cloud/memory-choice.ts';
import type { FunctionRecord } from './dispatch/function-record.ts';
import type { FunctionSpec, Manifest } from './functions/manifest.ts';

/** With fewer calls in the cloud, those in the pool say more of what will go there. */
const ENOUGH_CLOUD_CALLS = 20;

/** The dispatcher, as far as it is asked. */
interface Known {
  known(spec: FunctionSpec): Pick<FunctionRecord, 'local'>;
}

/**
 * Calls and mean run times of the functions that may be offloaded: of their calls in the cloud, where there were some, else of
 * those in the pool; since the start. What of their time is computing was measured in the pool, where no other call
 * shares a slot with them: a call that shares one can't tell its CPU time.
 */
export function mixOf(
  manifest: Manifest | undefined,
  recorded: ReadonlyMap<string, Cells>,
  dispatcher: Known | undefined,
): Mix {
  const specs = [...(manifest?.values() ?? [])].filter(({ offload }) => offload);
  const called = specs.reduce((sum, { name }) => sum + (recorded.get(name)?.cloud.run.count ?? 0), 0);
  const place = called >= ENOUGH_CLOUD_CALLS ? 'cloud' : 'pool';
  const entries = specs.flatMap((spec): MixEntry[] => {
    const run = recorded.get(spec.name)?.[place].run;
    if (run === undefined || run.count === 0) return [];
    const cpuShare = cpuShareOf(spec, dispatcher);
    return [{ method: spec.name, calls: run.count, runMs: run.meanMs, cpuShare }];
  });
  return { place, entries };
}

function cpuShareOf(spec: FunctionSpec, dispatcher: Known | undefined): number | undefined {
  const times = dispatcher?.known(spec).local;
  if (times === undefined || times.cpuMs.count === 0 || times.wallMs.mean <= 0) return undefined;
  return Math.min(1, times.cpuMs.mean / times.wallMs.mean);
}
