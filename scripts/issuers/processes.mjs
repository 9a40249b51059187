// How does a server run during its checks?
//
// Each server is the leader of a process group of its own, so that its workers end with it. No group outlives this
// process, except after SIGKILL.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const READY_MS = 45_000;
const POLL_MS = 100;
const REQUEST_MS = 5000;
const END_MS = 5000;
/** How many lines of a server's output are repeated at most: as many of the first as of the last. */
const KEPT_LINES = 24;
const MAX_SAID = 2000;

/** A server that ends at once: its port may have been taken. */
export class EndedEarly extends Error {}

const running = new Set();

process.on('exit', () => running.forEach((child) => signal(child, 'SIGKILL')));
for (const [name, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
  process.on(name, () => process.exit(code));
}

/** Runs a command to its end, with `input` as its standard input; returns its output. Rejects if it fails. */
export function run(command, args, { input = '', ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { timeout: READY_MS, ...options }, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else reject(new Error(`${command} failed: ${(stderr || stdout || error.message).trim().slice(-MAX_SAID)}`));
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Starts a command in a group of its own. Its output is kept for error messages. */
export function launch(command, args, { cwd, env } = {}) {
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  child.said = [];
  child.command = [command, ...args].join(' ');
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      child.said.push(line);
      if (child.said.length > KEPT_LINES) child.said.splice(KEPT_LINES / 2, 1);
    });
  }
  child.on('error', (error) => child.said.push(error.message));
  running.add(child);
  return child;
}

/** Ends the whole group, and waits until the leader has ended. */
export async function end(child) {
  if (!running.delete(child)) return;
  const ended = child.exitCode === null && child.signalCode === null && child.pid ? once(child, 'exit') : undefined;
  signal(child, 'SIGTERM');
  const timer = setTimeout(() => signal(child, 'SIGKILL'), END_MS);
  await ended;
  clearTimeout(timer);
  // A worker may ignore SIGTERM, or outlive its leader.
  signal(child, 'SIGKILL');
}

/** Waits until the URL is answered with 200. Rejects if the server ends first, or after a minute. */
export async function ready(url, child) {
  const deadline = performance.now() + READY_MS;
  for (;;) {
    if (await answers(url)) return;
    const hasEnded = child && (child.exitCode !== null || child.signalCode !== null || !child.pid);
    if (hasEnded) throw new EndedEarly(`${child.command} ended\n${child.said.join('\n')}`);
    if (performance.now() > deadline) throw new Error(`${url} never answered\n${child?.said.join('\n') ?? ''}`);
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(url) {
  try {
    const { status, body } = await fetch(url, { signal: AbortSignal.timeout(REQUEST_MS) });
    await body?.cancel();
    return status === 200;
  } catch {
    return false;
  }
}

function signal({ pid }, name) {
  try {
    if (pid) process.kill(-pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
