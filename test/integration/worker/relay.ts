/** A socket between a worker and the balancer, which a test can cut or silence. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Passes everything on until told otherwise. */
export class Relay {
  readonly path: string;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** How often somebody dialled. */
  dialled = 0;

  private constructor(path: string, target: string) {
    this.path = path;
    this.#server = createServer((worker) => {
      this.dialled += 1;
      const pair = [worker, connect(target)] as const;
      this.#pairs.add(pair);
      for (const [i, end] of pair.entries()) {
        const other = pair[1 - i];
        end.on('error', () => undefined);
        end.on('data', (chunk: Buffer) => other?.write(chunk));
        end.on('close', () => {
          this.#pairs.delete(pair);
          other?.destroy();
        });
      }
    });
  }

  /** Listens at `path` for workers that want to go to `target`. */
  static async open(path: string, target: string): Promise<Relay> {
    const relay = new Relay(path, target);
    relay.#server.listen(path);
    await once(relay.#server, 'listening');
    return relay;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const [worker, balancer] of this.#pairs) {
      worker.destroy();
      balancer.destroy();
    }
  }

  /** Passes nothing on any more, and closes nothing. */
  silence(): void {
    for (const ends of this.#pairs) for (const end of ends) end.pause();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
