// Runs one application with one runtime, and sends its API the requests of the documents.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { get } from '../../__test__/support/http.mjs';

const DEADLINE_MS = 45_000;
/** How much of an application's output is repeated at most. */
const MAX_SAID = 2000;

/** Runs to the end; rejects with the whole output if it fails. */
export async function runToEnd(command, options) {
  const child = start(command, options);
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`ended with ${code ?? signal}\n${saidBy(child)}`);
}

/** Starts an API, sends every request, ends it. */
export async function runApi(command, options, questions) {
  const child = start(command, options);
  const ended = once(child, 'close');
  try {
    const port = await portOf(child, ended);
    for (const [path, token, expected] of questions) {
      const { status } = await get(`http://127.0.0.1:${port}${path}`, { token });
      if (status !== expected) throw new Error(`${path}: ${status}, not ${expected}\n${saidBy(child)}`);
    }
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

function start([command, ...args], { cwd, env }) {
  const child = spawn(command, args, { cwd, env, timeout: DEADLINE_MS, stdio: ['ignore', 'pipe', 'pipe'] });
  child.said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => child.said.push(String(chunk)));
  child.on('error', (error) => child.said.push(error.message));
  return child;
}

function saidBy({ said }) {
  return said.join('').slice(-MAX_SAID);
}

/** The port in its line `listening PORT`. */
async function portOf(child, ended) {
  const said = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const [, port] = /^listening (\d+)/.exec(line) ?? [];
      if (port) return port;
    }
    return undefined;
  })();
  const port = await Promise.race([said, ended.then(() => undefined)]);
  if (!port) throw new Error(`never listened\n${saidBy(child)}`);
  return port;
}
