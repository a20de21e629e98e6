/** drain, resize, reload, restart: what changes the pool. */
import type { Operations } from '../admin/operations.ts';
import { positive } from './call.ts';
import { EXIT, type Command } from './command.ts';
import { UsageFault } from './faults.ts';

/** `spillway drain`. */
export const drain: Command = {
  name: 'drain',
  usage: 'ID',
  summary: 'take a worker out of service when its calls have ended; another takes its place',
  words: [1, 1],
  async run({ daemon, output }, { words: [id = ''] }) {
    const done = await daemon.admin('workers.drain', { id });
    if (output.json) output.value(done);
    else output.line(`${id} takes no more calls and leaves when those it has have ended`);
    return EXIT.ok;
  },
};

/** `spillway resize`. */
export const resize: Command = {
  name: 'resize',
  usage: 'N',
  summary: 'set the number of workers: N in quiet times, up to 2N under load',
  words: [1, 1],
  async run({ daemon, output }, { words: [text] }) {
    const workers = positive(text, 'N');
    if (workers === undefined) throw new UsageFault('N is missing');
    const done = await daemon.admin('pool.resize', { workers });
    if (output.json) output.value(done);
    else output.line(`the pool is ${workers} to ${2 * workers} workers from now on`);
    return EXIT.ok;
  },
};

/** `spillway reload`. */
export const reload: Command = {
  name: 'reload',
  usage: '',
  summary: 'bundle the functions again and swap them worker by worker',
  words: [0, 0],
  async run({ daemon, output }) {
    const done = (await daemon.admin('functions.reload')) as Awaited<ReturnType<Operations['reload']>>;
    if (output.json) output.value(done);
    else if (done.changed) output.line(`serving ${done.functions.join(', ')} (${done.hash.slice(0, 12)})`);
    else output.line('the functions are the same as before');
    return EXIT.ok;
  },
};

/** `spillway restart`. */
export const restart: Command = {
  name: 'restart',
  usage: '',
  summary: 'restart the balancer in place; no call is lost',
  words: [0, 0],
  async run({ daemon, output }) {
    const done = await daemon.admin('restart');
    if (output.json) output.value(done);
    else output.line('the balancer restarts if the new version can start; its log says how that goes');
    return EXIT.ok;
  },
};
