/** Bytes that come in pieces. */
import { free } from './holders.ts';

/** Room is made for what is still to come once this share of it is here: before, it is only a claim. */
const CLAIMED_TIMES = 8;

/**
 * Puts together a whole of known length. The memory of the pieces is given back at once: left to the garbage collector,
 * it makes it look through the whole heap every few megabytes: 2 ms of the front's thread a call of a megabyte, and a
 * quarter of its slot's CPU.
 */
export class Assembly {
  /** How much is here, in bytes. */
  have = 0;
  readonly #need: number;
  #parts: Buffer[] = [];
  #whole: Buffer | undefined;
  readonly #borrows: boolean;

  /**
   * @param need the length of the whole, in bytes
   * @param borrows the pieces are written over once add() has returned
   */
  constructor(need: number, borrows = false) {
    this.#need = need;
    this.#borrows = borrows;
  }

  /**
   * Takes the next piece, which nothing else may look at any more.
   * @returns the part of it that is too much, if there is one
   */
  add(chunk: Buffer): Buffer | undefined {
    const missing = this.#need - this.have;
    const piece = chunk.length > missing ? chunk.subarray(0, missing) : chunk;
    this.have += piece.length;
    if (this.#whole === undefined && this.have * CLAIMED_TIMES < this.#need) {
      this.#parts.push(this.#borrows ? Buffer.from(piece) : piece);
    } else this.#copy(piece);
    return piece === chunk ? undefined : chunk.subarray(missing);
  }

  /** The whole, once all of it is here, in memory of its own. */
  whole(): Buffer | undefined {
    return this.have === this.#need ? this.#whole : undefined;
  }

  /** All that is here. Ends the assembly. */
  joined(): Buffer {
    return this.#whole?.subarray(0, this.have) ?? Buffer.concat(this.#parts, this.have);
  }

  #copy(piece: Buffer): void {
    if (this.#whole === undefined) {
      this.#whole = Buffer.allocUnsafeSlow(this.#need);
      let at = 0;
      for (const part of this.#parts) {
        at += part.copy(this.#whole, at);
        freeWhole(part);
      }
      this.#parts = [];
    }
    piece.copy(this.#whole, this.have - piece.length);
    if (!this.#borrows) freeWhole(piece);
  }
}

/** One that is a part of something else isn't its holder's to give back. */
function freeWhole({ buffer, byteLength }: Buffer): void {
  if (buffer.byteLength === byteLength) free(buffer);
}
