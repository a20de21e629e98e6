/** Bytes that come in pieces. */
import { free } from './holders.ts';

/** Room is made for what is still to come once this share of it is here: before, it is only a claim. */
const CLAIMED_TIMES = 8;

/** So many pieces are joined into one if they are small, and left as they are if not. */
const MOST_LOOSE = 256;
/** Pieces are small below so many bytes on average: about what each costs beside its bytes, and its sender chooses. */
const SMALL_BYTES = 512;

/**
 * Gathers pieces that may be a byte each. They take memory in proportion to their bytes, and a byte is copied twice at the
 * most: what was joined is joined no further before the end.
 */
export class Pieces {
  /** How much is here, in bytes. */
  have = 0;
  #settled: Buffer[] | undefined;
  #loose: Buffer[] = [];
  #looseBytes = 0;

  /** Takes the next piece. */
  add(piece: Buffer): void {
    this.have += piece.length;
    this.#looseBytes += piece.length;
    const loose = this.#loose;
    if (loose.push(piece) < MOST_LOOSE) return;
    this.#settled ??= [];
    if (this.#looseBytes < MOST_LOOSE * SMALL_BYTES) this.#settled.push(Buffer.concat(loose));
    else this.#settled.push(...loose);
    this.#loose = [];
    this.#looseBytes = 0;
  }

  /** All that is here, in order, in far fewer pieces than came where those were small. */
  all(): Buffer[] {
    return this.#settled === undefined ? this.#loose : [...this.#settled, ...this.#loose];
  }

  /** All that is here as one; the very piece that came if it was only one. */
  whole(): Buffer {
    const all = this.all();
    const [only] = all;
    return all.length === 1 && only !== undefined ? only : Buffer.concat(all, this.have);
  }
}

/**
 * Puts together a whole of known length. The memory of the pieces is given back at once: left to the garbage collector,
 * it makes it look through the whole heap every few megabytes: 2 ms of the front's thread a call of a megabyte, and a
 * quarter of its slot's CPU.
 */
export class Assembly {
  /** How much is here, in bytes. */
  have = 0;
  readonly #need: number;
  #parts = new Pieces();
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
      this.#parts.add(this.#borrows ? Buffer.from(piece) : piece);
    } else this.#copy(piece);
    return piece === chunk ? undefined : chunk.subarray(missing);
  }

  /** The whole, once all of it is here, in memory of its own. */
  whole(): Buffer | undefined {
    return this.have === this.#need ? this.#whole : undefined;
  }

  /** All that is here. Ends the assembly. */
  joined(): Buffer {
    return this.#whole?.subarray(0, this.have) ?? this.#parts.whole();
  }

  #copy(piece: Buffer): void {
    if (this.#whole === undefined) {
      this.#whole = Buffer.allocUnsafeSlow(this.#need);
      let at = 0;
      for (const part of this.#parts.all()) {
        at += part.copy(this.#whole, at);
        freeWhole(part);
      }
      this.#parts = new Pieces();
    }
    piece.copy(this.#whole, this.have - piece.length);
    if (!this.#borrows) freeWhole(piece);
  }
}

/** One that is a part of something else isn't its holder's to give back. */
function freeWhole({ buffer, byteLength }: Buffer): void {
  if (buffer.byteLength === byteLength) free(buffer);
}
