/** Counts what functions print, and cuts it off at a limit: every byte of a log is paid for. */

/** Hears what is written to a stream, before it is cut off. */
export type OnPrint = (stream: 'stdout' | 'stderr', data: Buffer) => void;

const CUT = Buffer.from('… the rest of what this call printed is left out\n');

/** What was printed since the last reset. */
export interface LogMeter {
  /** Bytes printed and kept. */
  bytes(): number;
  reset(): void;
}

/** Puts a meter on the process's stdout and stderr; console goes through them. */
export function meterLogs(limitBytes: number, onPrint: OnPrint): LogMeter {
  let bytes = 0;
  const meter = (name: 'stdout' | 'stderr'): void => {
    const stream = process[name];
    const write = stream.write.bind(stream) as (
      chunk: Uint8Array,
      done?: (error?: Error | null) => void,
    ) => boolean;
    stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const done = rest.find((argument) => typeof argument === 'function') as
        ((error?: Error | null) => void) | undefined;
      const encoding = typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : 'utf8';
      const data = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk);
      onPrint(name, data);
      if (bytes >= limitBytes) {
        done?.();
        return true;
      }
      const room = limitBytes - bytes;
      bytes += Math.min(data.length, room);
      return data.length <= room
        ? write(data, done)
        : write(Buffer.concat([data.subarray(0, room), CUT]), done);
    };
  };
  meter('stdout');
  meter('stderr');
  // Lambda replaces console's methods by ones that write past stdout; these go through the meter again.
  globalThis.console = new console.Console({ stdout: process.stdout, stderr: process.stderr });
  return {
    bytes: () => bytes,
    reset: () => {
      bytes = 0;
    },
  };
}
