/** How a command fails; each has an exit code of its own. */

/** The command line makes no sense; exit code 64. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault';
}

/** No daemon answers; exit code 2. */
export class DaemonMissing extends Error {
  override readonly name = 'DaemonMissing';
}

/** The daemon, or a function, said no; exit code 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}
