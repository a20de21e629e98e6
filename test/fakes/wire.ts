/** A socket's two ends in memory: what one writes, the other reads in a later turn of the (virtual) event loop. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

/**
 * One end. It has as much of a socket as the balancer and the fakes use; 'sent' tells of what the peer has written before
 * this end reads it.
 */
export class WireEnd extends EventEmitter {
  #peer: WireEnd | undefined;
  #inbox: Buffer[] = [];
  #closed = false;
  /** While true, what arrives is kept back, as by a process whose event loop doesn't turn. */
  #held = false;
  /** How often this end has written. */
  writes = 0;

  /** A pair of ends, each other's peer. */
  static pair(): [WireEnd, WireEnd] {
    const ends: [WireEnd, WireEnd] = [new WireEnd(), new WireEnd()];
    ends[0].#peer = ends[1];
    ends[1].#peer = ends[0];
    return ends;
  }

  get writable(): boolean {
    return !this.#closed;
  }

  /** This end, for code that wants a socket. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  write(chunk: Buffer, taken?: () => void): boolean {
    const peer = this.#peer;
    if (this.#closed || peer === undefined || peer.#closed) return false;
    this.writes += 1;
    peer.#inbox.push(Buffer.from(chunk));
    // Who reads from a socket has memory of its own, and may give it back.
    peer.emit('sent', Buffer.from(chunk));
    setImmediate(() => {
      taken?.();
      peer.#deliver();
    });
    return true;
  }

  cork(): void {
    // Every write here is one delivery, corked or not.
  }

  uncork(): void {
    // See cork.
  }

  /** Closes both ends; what was written before still arrives. */
  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox = [];
    setImmediate(() => {
      this.emit('close');
      const peer = this.#peer;
      if (peer !== undefined) peer.#end();
    });
  }

  /** Keeps back what arrives from now on. */
  hold(): void {
    this.#held = true;
  }

  /** Reads what was kept back. */
  release(): void {
    this.#held = false;
    this.#deliver();
  }

  #deliver(): void {
    if (this.#held || this.#closed || this.#inbox.length === 0) return;
    const bytes = Buffer.concat(this.#inbox);
    this.#inbox = [];
    this.emit('data', bytes);
  }

  #end(): void {
    if (this.#closed) return;
    this.#held = false;
    this.#deliver();
    this.#closed = true;
    this.emit('end');
    this.emit('close');
  }
}
