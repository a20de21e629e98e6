import { describe, expect, it } from 'vitest';
import { recipeOf, workerContainer, type ContainerSpec } from '../../../src/runtime/docker-container.ts';
import { linesOfLog } from '../../../src/runtime/docker-exit.ts';
import { ownContainerId } from '../../../src/runtime/docker-host.ts';
import { assertWorkerId, slotMemoryMb } from '../../../src/runtime/worker-environment.ts';
import { LastLines, workerExit } from '../../../src/runtime/worker-exit.ts';

const MB = 2 ** 20;

describe('slotMemoryMb', () => {
  it.each([
    [512, 1, 336],
    [512, 4, 84],
    [1024, 3, 240],
    [64, 1, 32],
    [16, 8, 32],
  ])('%i MB with %i slots: %i MB each', (memoryMb, slots, expected) => {
    expect(slotMemoryMb(memoryMb * MB, slots)).toBe(expected);
  });
});

describe('assertWorkerId', () => {
  it('takes letters, digits and "-", and nothing that leads elsewhere', () => {
    for (const id of ['w1', 'W-1-x', '0', 'a'.repeat(64)]) expect(() => assertWorkerId(id)).not.toThrow();
    for (const id of ['', '-w', '.', '..', 'a/b', 'a b', 'ä', 'a\n', 'a'.repeat(65)]) {
      expect(() => assertWorkerId(id)).toThrow(JSON.stringify(id));
    }
  });
});

describe('workerContainer', () => {
  const spec: ContainerSpec = {
    pool: 'p',
    owner: 'this one',
    image: 'image:1',
    memoryBytes: 512 * MB,
    cpus: 1.5,
    cores: 2,
    network: 'bridge',
    slots: 3,
    socketMount: { Type: 'bind', Source: '/s', Target: '/run/spillway', ReadOnly: true },
  };
  const host = (changes: Partial<ContainerSpec>): Record<string, unknown> =>
    workerContainer({ id: 'w', token: 't' }, { ...spec, ...changes }).HostConfig as Record<string, unknown>;

  it('never asks for more cores than there are', () => {
    expect(host({})['NanoCpus']).toBe(1.5e9);
    expect(host({ cpus: 64 })['NanoCpus']).toBe(2e9);
    expect(host({ cpus: 0.1 })['NanoCpus']).toBe(1e8);
  });

  it('grows the process limit with the slots', () => {
    expect(host({})['PidsLimit']).toBe(128);
    expect(host({ slots: 1 })['PidsLimit']).toBe(64);
  });

  it('says whose a worker is, which makes none outdated', () => {
    const labels = (owner: string): object =>
      workerContainer({ id: 'w', token: 't' }, { ...spec, owner }).Labels ?? {};
    const one = { 'spillway.owner': 'one', 'spillway.recipe': recipeOf(spec) };
    expect(labels('one')).toMatchObject(one);
    expect(labels('two')).toMatchObject({ ...one, 'spillway.owner': 'two' });
  });

  it('keeps the token out of what others can list: names and labels', () => {
    const { name, Labels } = workerContainer({ id: 'w', token: 'secret' }, spec);
    expect(JSON.stringify([name, Labels])).not.toContain('secret');
  });
});

describe('workerExit', () => {
  it.each([
    [{ code: 0, signal: null }, 'exit code 0'],
    [{ code: 3, signal: null }, 'exit code 3'],
    [{ code: 137, signal: null }, 'killed by SIGKILL'],
    [{ code: 143, signal: null }, 'killed by SIGTERM'],
    [{ code: 255, signal: null }, 'exit code 255'],
    [{ code: null, signal: 'SIGSEGV' as const }, 'killed by SIGSEGV'],
    [{ code: 137, signal: null, oomKilled: true }, 'out of memory'],
    // A slot ran out of memory; what ended the worker came later and was something else.
    [{ code: 1, signal: null, oomKilled: true }, 'exit code 1'],
  ])('%o: %s', (end, reason) => {
    expect(workerExit(end, ['a line'])).toEqual({ reason, lastLines: ['a line'] });
  });

  it('recognises a full heap by what V8 printed before it aborted', () => {
    const lines = [
      'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
      'trace',
    ];
    expect(workerExit({ code: null, signal: 'SIGABRT' }, lines).reason).toBe('out of memory');
    expect(workerExit({ code: 133, signal: null }, lines).reason).toBe('out of memory');
    expect(workerExit({ code: 1, signal: null }, lines).reason).toBe('exit code 1');
  });
});

describe('LastLines', () => {
  it('joins pieces, keeps streams apart, and keeps the order of finishing', () => {
    const lines = new LastLines();
    lines.push('out', 'fir');
    lines.push('err', 'oops\nand ');
    lines.push('out', 'st\n\nsecond\r\n');
    expect(lines.get()).toEqual(['oops', 'first', 'second', 'and']);
  });

  it('keeps the last 20 lines', () => {
    const lines = new LastLines();
    for (let n = 1; n <= 30; n++) lines.push('out', `line ${n}\n`);
    lines.push('out', 'unfinished');
    expect(lines.get()).toHaveLength(20);
    expect(lines.get()[0]).toBe('line 12');
    expect(lines.get()[19]).toBe('unfinished');
  });

  it('cuts long lines, also endless ones, and drops what could command a terminal', () => {
    const lines = new LastLines();
    for (let n = 0; n < 1000; n++) lines.push('out', 'x'.repeat(1000));
    expect(lines.get()[0]).toHaveLength(1000);
    lines.push('err', '\u001b[31mred\u001b[0m\u0007 \u001b]0;title\u0007end\n');
    expect(lines.get()[0]).toBe('red end');
  });
});

describe('linesOfLog', () => {
  const piece = (stream: 1 | 2, text: string): Buffer => {
    const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };

  it('reads both streams in order', () => {
    expect(
      linesOfLog(Buffer.concat([piece(1, 'one\n'), piece(2, 'zwei ä\n'), piece(1, 'thr'), piece(1, 'ee')])),
    ).toEqual(['one', 'zwei ä', 'three']);
    expect(linesOfLog(Buffer.alloc(0))).toEqual([]);
  });

  it('takes what there is of a log that ends in the middle', () => {
    expect(linesOfLog(Buffer.concat([piece(1, 'one\n'), piece(2, 'a long line').subarray(0, 12)]))).toEqual([
      'one',
      'a lo',
    ]);
    expect(linesOfLog(piece(1, 'one\n').subarray(0, 5))).toEqual([]);
  });
});

describe('ownContainerId', () => {
  const id = '0123456789abcdef'.repeat(4);
  it('finds the id in the mount of /etc/hostname', () => {
    const mountinfo = [
      '1098 1097 0:66 / / ro,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X',
      `1107 1098 254:1 /var/lib/docker/containers/${id}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda1 rw`,
      `1108 1098 254:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw`,
    ];
    expect(ownContainerId(mountinfo.join('\n'))).toBe(id);
  });

  it('is not misled by the containers of an engine on this very machine', () => {
    const mountinfo = [
      '30 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw',
      `190 30 0:44 / /var/lib/docker/containers/${id}/mounts/shm rw - tmpfs shm rw,size=65536k`,
    ];
    expect(ownContainerId(mountinfo.join('\n'))).toBeUndefined();
    expect(ownContainerId('')).toBeUndefined();
  });
});
