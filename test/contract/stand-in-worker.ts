/** A worker program of a few lines for tests of the launchers; what it does depends on the start of its id. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { programVersion, type WorkerProgram } from '../../src/runtime/program.ts';

/**
 * `dials-…` connects to its socket, sends `id token`, answers each line `X` with `echo X`, and survives a lost balancer.
 * `exits-…` prints a line on each stream and exits with code 3. `hangs-…` does nothing, for ever.
 * `slots-…` starts slots as the real program does: one leaves with it, two are in an endless loop, one under another name.
 * `hogs-…` fills its memory outside of V8's heap, `piles-…` fills the heap.
 * `looks-…` sends `id JSON` with what it can see and do in its surroundings, in place of its token.
 */
const MAIN = `
const { connect } = require('node:net');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
const { SPILLWAY_WORKER: id, SPILLWAY_TOKEN: token, SPILLWAY_SOCKET: socket, SPILLWAY_TMP: tmp } = process.env;
const kind = id.split('-')[0];
const attempt = (what) => { try { return what(); } catch (error) { return error.code ?? String(error); } };
setInterval(() => {}, 1000);
if (kind === 'dials') {
  const link = connect(socket, () => link.write(id + ' ' + token + '\\n'));
  link.on('data', (data) => link.write('echo ' + data));
  link.on('error', () => {});
  link.on('close', () => console.log('lost the balancer'));
}
if (kind === 'exits') {
  console.error('this went wrong');
  console.log('and so it ends');
  process.exitCode = 3;
  setTimeout(() => process.exit(), 20);
}
if (kind === 'slots') {
  for (const manner of ['leaves', 'loops', 'hides']) {
    const slot = spawn(process.execPath, [path.join(__dirname, 'slot.js'), manner], {
      cwd: '/', env: { TMPDIR: tmp + '/' + manner }, detached: true, stdio: ['pipe', 'inherit', 'inherit'],
    });
    console.log('slot ' + slot.pid);
  }
}
if (kind === 'hogs') {
  const kept = [];
  setInterval(() => kept.push(Buffer.alloc(8e6, 1)), 1);
}
if (kind === 'piles') {
  const kept = [];
  for (;;) kept.push(new Array(1e4).fill(kept.length));
}
if (kind === 'looks') {
  const seen = {
    uid: process.getuid(),
    gid: process.getgid(),
    groups: process.getgroups(),
    env: process.env,
    execArgv: process.execArgv,
    status: Object.fromEntries(attempt(() => fs.readFileSync('/proc/self/status', 'utf8')).split('\\n').map((line) => line.split(':\\t'))),
    mounts: attempt(() => fs.readFileSync('/proc/self/mounts', 'utf8')).split('\\n'),
    writeRoot: attempt(() => fs.writeFileSync('/planted', '')),
    writeApp: attempt(() => fs.writeFileSync(__dirname + '/planted', '')),
    writeSocketFolder: attempt(() => fs.writeFileSync(path.join(path.dirname(socket), 'planted'), '')),
    writeShm: attempt(() => fs.writeFileSync('/dev/shm/planted', '')),
    writeTmp: attempt(() => fs.writeFileSync(path.join(tmp, 'mine'), '#!/bin/sh\\n', { mode: 0o755 })),
    tmpMode: attempt(() => fs.statSync(tmp).mode & 0o777),
    tmpUid: attempt(() => fs.statSync(tmp).uid),
    runFromTmp: attempt(() => { require('node:child_process').execFileSync(path.join(tmp, 'mine')); return 'ran'; }),
    interfaces: Object.keys(require('node:os').networkInterfaces()),
  };
  const link = connect(socket, () => link.write(id + ' ' + JSON.stringify(seen) + '\\n'));
}
`;

const SLOT = `
process.stdin.on('close', () => process.exit(0)).resume();
if (process.argv[2] === 'hides') process.title = 'not-a-slot';
if (process.argv[2] !== 'leaves') while (true);
`;

const DOCKERFILE = readFileSync(join(import.meta.dirname, '../../worker/Dockerfile'), 'utf8');

/** The program; `variant` makes one with another version, for tests that need an image of their own. */
export function standInProgram(variant = '', dockerfile: string = DOCKERFILE): WorkerProgram {
  const texts = { main: `// ${variant}\n${MAIN}`, slot: SLOT, dockerfile };
  return { ...texts, version: programVersion(texts) };
}
