/**
 * dockerode without two of its parts that nothing here uses, BuildKit's sessions and SSH: they load gRPC and an SSH
 * client, which is 100 of the 160 ms that it takes, and 14 MB.
 */
import type Dockerode from 'dockerode';
import { requireWithout } from '../left-out.ts';

const LEFT_OUT = new Map([
  ['./session', /\/dockerode\/lib\/docker\.js$/],
  ['./ssh', /\/docker-modem\/lib\/modem\.js$/],
]);

/** The package's class. */
export const Docker = requireWithout('dockerode', LEFT_OUT) as typeof Dockerode;
