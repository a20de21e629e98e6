/** Why a port can't be listened on, in the words of the settings that choose it. */

/** Names the setting to change. `prefix` is that of its two settings: SPILLWAY for SPILLWAY_HOST and SPILLWAY_PORT. */
export function whyNotListening(
  error: NodeJS.ErrnoException,
  prefix: 'SPILLWAY' | 'SPILLWAY_ADMIN',
  { host, port }: { readonly host: string; readonly port: number },
): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `${prefix}_PORT=${port} is in use on ${host}: stop what listens there, or choose another port`;
    case 'EACCES':
      return `${prefix}_PORT=${port} may not be opened by this user: choose a port over 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${prefix}_HOST=${host} is no address of this machine: choose 127.0.0.1, 0.0.0.0 or one of its own`;
    default:
      return `can't listen on ${prefix}_HOST=${host}, ${prefix}_PORT=${port}: ${error.message}`;
  }
}
