/** deploy, destroy: what concerns the cloud as a whole. */
import type { Operations } from '../admin/operations.ts';
import { EXIT, type Command } from './command.ts';

type Deployed = Awaited<ReturnType<Operations['deploy']>>;
type Destroyed = Awaited<ReturnType<Operations['destroy']>>;

/** `spillway deploy`. */
export const deploy: Command = {
  name: 'deploy',
  usage: '',
  summary: 'bring the cloud’s side up to date',
  help: '--dry-run  only says what would be done',
  options: { 'dry-run': { type: 'boolean' } },
  words: [0, 0],
  async run({ daemon, output }, { options }) {
    const dryRun = options['dry-run'] === true;
    const done = (await daemon.admin('cloud.deploy', { dryRun })) as Deployed;
    if (output.json) output.value(done);
    else if (done.steps.length === 0) output.line('nothing to do: everything is as it should be');
    else for (const step of done.steps) output.line(dryRun ? `would be done: ${step}` : step);
    return EXIT.ok;
  },
};

/** `spillway destroy`. */
export const destroy: Command = {
  name: 'destroy',
  usage: '',
  summary: 'remove everything that this pool has in the cloud',
  words: [0, 0],
  async run({ daemon, output }) {
    const done = (await daemon.admin('cloud.destroy')) as Destroyed;
    if (output.json) output.value(done);
    else {
      for (const thing of done.removed) output.line(`removed ${thing}`);
      for (const thing of done.left) output.line(output.tone('warning', `left ${thing}`));
      if (done.removed.length + done.left.length === 0) output.line('there was nothing to remove');
    }
    return done.left.length === 0 ? EXIT.ok : EXIT.failed;
  },
};
