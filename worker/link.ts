/**
 * What control process and slot process say to each other, over the slot's file descriptor 3, in the same frames as
 * towards the balancer.
 */
import type { Socket } from 'node:net';
import { FrameDecoder, encodeFrame } from '../src/pool/frames.ts';

/** The file descriptor of the link in the slot process. It also is the lifeline: when it closes, the slot ends. */
export const LINK_FD = 3;

/** The kinds of frames on the link. */
export const LinkType = {
  /** control → slot: JSON SlotOrder. */
  ORDER: 1,
  /** control → slot: V8's code cache of the bundle; empty if there is none yet. */
  CACHE: 2,
  /** control → slot: the bundle's code. The last frame the slot needs to start. */
  CODE: 3,
  /** slot → control: loaded; the manifest as JSON text. */
  LOADED: 4,
  /** slot → control: the bundle can't be loaded; the reason as text. */
  FAILED: 5,
  /** slot → control: V8's code cache, made before the first call. */
  NEW_CACHE: 6,
  /** control → slot, and back as soon as the event loop turns. */
  PING: 7,
  PONG: 8,
} as const;

/** What a slot process is told at its start. */
export interface SlotOrder {
  /** Path of the balancer's socket. */
  readonly socket: string;
  readonly worker: string;
  /** This slot process's own key: whoever knows it may answer the calls it was given, and nothing else. */
  readonly key: string;
  readonly maxResultBytes: number;
  /** Whether the control process would like a code cache. */
  readonly wantsCache: boolean;
}

/** The largest frame on the link, in bytes: a bundle with its packages. */
export const LINK_MAX_BYTES = 256 * 1024 * 1024;

/** Calls `onFrame` for every frame on the link. A peer that doesn't speak frames loses the link. */
export function readLink(
  link: Socket,
  maxBytes: number,
  onFrame: (type: number, payload: Buffer) => void,
): void {
  const decoder = new FrameDecoder(maxBytes);
  link.on('data', (chunk: Buffer) => {
    try {
      decoder.push(chunk, (type, _id, payload) => {
        onFrame(type, payload);
      });
    } catch {
      link.destroy(); // only FrameError comes here: the other side talks nonsense
    }
  });
}

/** Says one thing on the link. */
export function say(link: Socket, type: number, payload?: string | Buffer): void {
  if (link.writable) link.write(encodeFrame(type, payload));
}
