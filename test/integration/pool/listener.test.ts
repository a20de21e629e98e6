/** The balancer's socket: who may dial in, and who is cut. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FrameType, PROTOCOL_VERSION, encodeFrame } from '../../../src/pool/frames.ts';
import { Listener, workerToken, type Newcomers } from '../../../src/pool/listener.ts';

const SECRET = Buffer.from('a secret');
const SOCKET = 'balancer.sock';
/** More than enough on a busy machine; it only ends what hangs. */
const LONG_MS = 10_000;

describe('Listener', () => {
  let folder: string;
  let listener: Listener | undefined;
  let handed: string[];
  const dialled: Socket[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spw-'));
    handed = [];
  });

  afterEach(async () => {
    vi.useRealTimers();
    for (const socket of dialled.splice(0)) socket.destroy();
    await listener?.close();
    listener = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  const newcomers: Newcomers = {
    control: (_connection, { worker }) => void handed.push(`control ${worker}`),
    data: (_connection, { worker, key }) => void handed.push(`data ${worker} ${key}`),
  };

  async function open(): Promise<Listener> {
    listener = await Listener.open(folder, SECRET, newcomers);
    return listener;
  }

  async function dial(): Promise<Socket> {
    const socket = connect(join(folder, SOCKET));
    dialled.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  /** Sends bytes; resolves when the balancer has cut the connection. */
  async function isCut(bytes: Buffer): Promise<void> {
    const socket = await dial();
    const closed = once(socket, 'close');
    socket.write(bytes);
    socket.resume();
    await closed;
  }

  async function until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + LONG_MS;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error('it never came');
      await sleep(5);
    }
  }

  function hello(changes: object = {}): Buffer {
    return encodeFrame(
      FrameType.HELLO,
      JSON.stringify({
        protocol: PROTOCOL_VERSION,
        worker: 'w1',
        token: workerToken(SECRET, 'w1'),
        slots: 1,
        bundle: null,
        slotKeys: [],
        ...changes,
      }),
    );
  }
  const dataHello = (changes: object = {}): Buffer =>
    encodeFrame(
      FrameType.DATA_HELLO,
      JSON.stringify({ worker: 'w1', key: 'k', running: 0, remainingMs: 0, ...changes }),
    );

  it('keeps those waiting who dial in before there is a pool, and then takes them', async () => {
    listener = await Listener.open(folder, SECRET);
    (await dial()).write(hello());
    await sleep(20);
    expect(handed).toEqual([]);
    listener.admit(newcomers);
    await until(() => handed.length > 0);
    (await dial()).write(hello());
    await until(() => handed.length > 1);
    expect(handed).toEqual(['control w1', 'control w1']);
  });

  it('hands over those who say who they are', async () => {
    await open();
    (await dial()).write(hello());
    (await dial()).write(dataHello());
    await until(() => handed.length === 2);
    expect(handed.sort()).toEqual(['control w1', 'data w1 k']);
  });

  it('is open to every user who can reach its folder, and is alone in it', async () => {
    await open();
    expect(statSync(join(folder, SOCKET)).mode & 0o777).toBe(0o666);
    expect(readdirSync(folder)).toEqual([SOCKET]);
  });

  it.each([
    ['a wrong token', () => hello({ token: workerToken(SECRET, 'w2') })],
    ['a token of another length', () => hello({ token: 'short' })],
    ['another protocol', () => hello({ protocol: PROTOCOL_VERSION + 1 })],
    ['no slots', () => hello({ slots: 0 })],
    ['too many slots', () => hello({ slots: 5000 })],
    ['a hello that is no JSON', () => encodeFrame(FrameType.HELLO, 'hello')],
    ['a hello of another shape', () => encodeFrame(FrameType.HELLO, '[]')],
    ['a data hello without a key', () => dataHello({ key: '' })],
    ['a data hello with less than no call', () => dataHello({ running: -1 })],
    ['a data hello without an end', () => dataHello({ remainingMs: null })],
    ['other first words', () => encodeFrame(FrameType.RESULT, 'x'.repeat(20))],
    ['a hello over the limit', () => hello({ bundle: 'x'.repeat(5000) })],
    ['the announcement of a hello over the limit', () => Buffer.from('00100000', 'hex')],
    ['what is no frame', () => Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('cuts %s', async (_case, bytes) => {
    await open();
    await isCut(bytes());
    expect(handed).toEqual([]);
  });

  it('cuts those who say nothing, or half of something, within 2 s, and nobody else', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await open();
    const [silent, slow, fine] = [await dial(), await dial(), await dial()];
    slow.write(hello().subarray(0, 20));
    fine.write(hello());
    await until(() => handed.length === 1);
    let cut = 0;
    for (const socket of [silent, slow, fine]) socket.resume().on('close', () => (cut += 1));
    vi.advanceTimersByTime(1900);
    await sleep(20);
    expect(cut).toBe(0);
    vi.advanceTimersByTime(100);
    await until(() => cut === 2);
    vi.advanceTimersByTime(60_000);
    await sleep(20);
    expect([cut, fine.destroyed]).toEqual([2, false]);
  });

  it('takes the place of a dead balancer’s socket', async () => {
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(join(folder, 'other.sock'), resolve));
    writeFileSync(join(folder, SOCKET), 'left behind');
    await open();
    (await dial()).write(hello());
    await until(() => handed.length === 1);
    await new Promise((resolve) => dead.close(resolve));
  });

  it('says what to do about a path that is too long', async () => {
    const deep = join(folder, 'x'.repeat(100));
    const opened = Listener.open(deep, SECRET, { control: () => undefined, data: () => undefined });
    await expect(opened).rejects.toThrow(/longer than 107 bytes: set SPILLWAY_STATE to a shorter folder/);
  });

  it('fails where it can’t listen', async () => {
    const opened = Listener.open(join(folder, 'missing'), SECRET, {
      control: () => undefined,
      data: () => undefined,
    });
    await expect(opened).rejects.toThrow(/ENOENT|EACCES/);
  });

  it('closes though workers are still connected, and takes its socket with it', async () => {
    const opened = await open();
    const [known, stranger] = [await dial(), await dial()];
    known.write(hello());
    await until(() => handed.length === 1);
    const cut = Promise.all([known, stranger].map((socket) => once(socket.resume(), 'close')));
    listener = undefined;
    await opened.close();
    await cut;
    expect(existsSync(join(folder, SOCKET))).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('bears more of those who say nothing than it lets in, and serves others once they are gone', async () => {
    // Their 2 s don't pass: on a busy machine that many take longer to dial in.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await open();
    let cut = 0;
    for (let i = 0; i < 1100; i += 1) (await dial()).resume().on('close', () => (cut += 1));
    await until(() => cut === 1100 - 1024);
    for (const socket of dialled.splice(0)) socket.destroy();
    await until(() => cut === 1100);
    (await dial()).write(hello());
    await until(() => handed.length === 1);
  });

  it('hands over what follows a hello in the same bytes', async () => {
    await open();
    const socket = await dial();
    socket.write(
      Buffer.concat([hello(), encodeFrame(FrameType.HEARTBEAT), encodeFrame(FrameType.HEARTBEAT)]),
    );
    await until(() => handed.length === 1);
    expect(handed).toEqual(['control w1']);
  });
});
