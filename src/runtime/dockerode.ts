/**
 * dockerode without three of its parts that nothing here uses: BuildKit's sessions and SSH, which load gRPC and an SSH
 * client, 100 of the 160 ms that it takes, and 14 MB; and tars of folders, another 10 ms.
 */
import type Dockerode from 'dockerode';
import { requireWithout } from '../left-out.ts';

const LEFT_OUT = new Map([
  ['./session', /\/dockerode\/lib\/docker\.js$/],
  ['./ssh', /\/docker-modem\/lib\/modem\.js$/],
  ['tar-fs', /\/dockerode\/lib\/util\.js$/],
]);

/** The package's class. */
export const Docker = requireWithout('dockerode', LEFT_OUT) as typeof Dockerode;
