/** Who hears what of calls in the cloud: a part of the composition root. */
import { stripVTControlCharacters } from 'node:util';
import type { CallLog } from './admin/call-log.ts';
import type { CloudCall, CloudEnd, CloudListener } from './cloud/backend.ts';
import type { Logger } from './log.ts';
import { PrintLimit } from './pool/print-limit.ts';

/** Tells the log of calls what becomes of each, and the log what they print: as much of each function as of a slot in the pool. */
export function cloudEvents(log: Logger, calls: CallLog): CloudListener {
  const limits = new Map<string, PrintLimit>();

  function tellPrints({ callId, spec: { name } }: CloudCall, end: CloudEnd): void {
    const { prints, printsLeftOut, logGroup, logStream, report } = end;
    const now = performance.now();
    const limit = limits.get(name) ?? new PrintLimit(now);
    limits.set(name, limit);
    const about = { place: 'cloud', callId, function: name, requestId: report.requestId };
    for (const line of prints) {
      const passed = limit.pass(line, now);
      if (passed === undefined) continue;
      const { text, ...more } = passed;
      log.info({ ...about, ...more }, stripVTControlCharacters(text));
    }
    if (printsLeftOut === 0) return;
    const text = `(prints more: ${printsLeftOut} lines are only in the log group ${logGroup})`;
    if (limit.pass({ text }, now)?.text === text) log.info({ ...about, logGroup, logStream }, text);
  }

  return {
    sent: (call) => {
      calls.sentToCloud(call);
    },
    ended: (call, end) => {
      if (end.prints.length > 0 || end.printsLeftOut > 0) tellPrints(call, end);
      calls.cloudEnded(call, end);
    },
  };
}
