// How does a test start a real nginx?
//
// It uses this machine's nginx with the example's configuration, and changes only the ports.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';

import { open } from '../support/http.mjs';
import { needsCommand } from '../support/suite.mjs';

const ATTEMPTS = 5;
const DEADLINE_MS = 10_000;

/** Why nginx is missing, for `describeWhere`; `false` if it is present. */
export const unavailable = needsCommand('nginx', '-v');

/** Starts nginx in an example's folder, in front of the API at `apiPort`: `{ url, close }`. */
export async function startNginx(folder, apiPort) {
  const configuration = await readFile(join(folder, 'nginx.conf'), 'utf8');
  await mkdir(join(folder, 'temp'));
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const changed = configuration
      .replace('listen 8443 ssl', `listen 127.0.0.1:${port} ssl`)
      .replaceAll('127.0.0.1:3000', `127.0.0.1:${apiPort}`);
    await writeFile(join(folder, 'nginx.conf'), changed);
    const server = await startAt(folder, port);
    if (server.close) return server;
    // Another process may have taken the port.
    if (attempt === ATTEMPTS || !server.said.includes('Address already in use'))
      throw new Error(`nginx: ${server.said}`);
  }
}

async function startAt(folder, port) {
  const child = spawn('nginx', ['-e', 'stderr', '-p', folder, '-c', 'nginx.conf'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said = [];
  child.stderr.on('data', (chunk) => said.push(chunk));
  const ended = once(child, 'close').catch((error) => said.push(Buffer.from(error.message)));
  let hasEnded = false;
  ended.then(() => {
    hasEnded = true;
  });
  const until = Date.now() + DEADLINE_MS;
  while (!hasEnded && Date.now() < until) {
    await pause();
    // nginx writes its pid file after it has taken the port. Before, another process may answer there.
    if (existsSync(join(folder, 'nginx.pid')) && (await accepts(port))) {
      return {
        url: `https://localhost:${port}`,
        close: async () => {
          child.kill('SIGQUIT');
          await ended;
        },
      };
    }
  }
  child.kill('SIGKILL');
  await ended;
  return { said: Buffer.concat(said).toString() };
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(socket.destroy() && true));
    socket.once('error', () => resolve(false));
  });
}

function pause() {
  return new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
}

async function freePort() {
  const server = await open(net.createServer(), { port: 0, host: '127.0.0.1' });
  const { port } = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
