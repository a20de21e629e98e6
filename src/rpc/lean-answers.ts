/** The answers of one connection in the fast lane: put in the order of their requests, and written in one go a turn. */
import type { Socket } from 'node:net';
import type { PendingCall } from '../dispatch/call.ts';
import { letGo } from '../pool/holders.ts';
import { leanHead } from './lean-answer.ts';
import type { Reply } from './reply.ts';

/** A request that is to be answered. */
export interface Asked {
  /** What gives it up; undefined before it was handed on, and once it has its answer. */
  pending: PendingCall | undefined;
  answered: boolean;
  reply: Reply | undefined;
  next: Asked | undefined;
}

/** What is owed to one client. */
export class LeanAnswers {
  #first: Asked | undefined;
  #last: Asked | undefined;
  #count = 0;
  #text = '';
  #pieces: (string | Buffer)[] | undefined;

  /** How many requests have no answer yet, or one that must wait for those before it. */
  get due(): number {
    return this.#count;
  }

  /** A request has come in. */
  ask(): Asked {
    const asked: Asked = { pending: undefined, answered: false, reply: undefined, next: undefined };
    if (this.#last === undefined) this.#first = asked;
    else this.#last.next = asked;
    this.#last = asked;
    this.#count++;
    return asked;
  }

  /**
   * A request has its answer.
   * @param closes whether the connection is to end with the last answer that is due
   * @returns whether it ends with what is now to be written
   */
  settle(asked: Asked, reply: Reply | undefined, closes: boolean): boolean {
    asked.answered = true;
    asked.pending = undefined;
    asked.reply = reply;
    let first = this.#first;
    if (first !== asked) return false; // another one is first in line, or the client is gone
    let ends = false;
    while (first?.answered === true) {
      const next: Asked | undefined = first.next;
      first.next = undefined; // an old one would else keep all after it for the garbage collector
      ends = closes && next === undefined;
      this.#append(first.reply, ends);
      first = next;
      this.#count--;
    }
    this.#first = first;
    if (first === undefined) this.#last = undefined;
    return ends;
  }

  /** Writes what has been put in order. */
  write(socket: Socket): void {
    const text = this.#text;
    const pieces = this.#pieces;
    this.#text = '';
    this.#pieces = undefined;
    if (!socket.writable) return;
    if (pieces === undefined) {
      if (text !== '') socket.write(text, 'latin1');
      return;
    }
    socket.cork();
    for (const piece of pieces) {
      if (typeof piece === 'string') socket.write(piece, 'latin1');
      else socket.write(piece, () => letGo(piece));
    }
    if (text !== '') socket.write(text, 'latin1');
    socket.uncork();
  }

  /** The client is gone: gives up every call without an answer. */
  giveUp(): void {
    const first = this.#first;
    this.#first = this.#last = undefined;
    this.#count = 0;
    for (let asked = first; asked !== undefined; asked = asked.next) asked.pending?.cancel();
  }

  #append(reply: Reply | undefined, ends: boolean): void {
    this.#text += leanHead(reply, ends, Date.now());
    if (reply === undefined) return;
    if (typeof reply.pieces === 'string') this.#text += reply.pieces;
    else {
      (this.#pieces ??= []).push(this.#text, ...reply.pieces);
      this.#text = '';
    }
  }
}
