// How does a test run the inspector, and talk to it as a browser does?

import { spawn } from 'node:child_process';
import http from 'node:http';
import { createInterface } from 'node:readline';

import { DOCTOR } from '../doctor/run.mjs';

/** Starts `doctor --ui`. Returns its address, its secret, everything that it printed, its process id and `stop()`. */
export async function startInspector(variables, env = {}) {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [DOCTOR, 'doctor', '--ui'], {
    env: { PATH, HOME, NO_PROXY: '*', ...variables, ...env },
  });
  const output = [];
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  const closed = new Promise((resolve) => child.once('close', resolve));
  const url = await new Promise((resolve, reject) => {
    closed.then(() => reject(new Error(output.join('\n'))));
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.push(line);
      const [found] = /http:\/\/127\.0\.0\.1:\d+\/#\S+/.exec(line) ?? [];
      if (found) resolve(found);
    });
  });
  const { host, port, hash } = new URL(url);
  const stop = async () => {
    child.kill();
    await closed;
  };
  return { url, host, port: Number(port), secret: hash.slice(1), pid: child.pid, output, stop };
}

/** Sends one request. A header that is `undefined` is left out. */
export function send({ port, host }, { method = 'POST', path = '/inspect', headers = {}, body = {} } = {}) {
  const all = {
    Host: host,
    Origin: `http://${host}`,
    'Sec-Fetch-Site': 'same-origin',
    'Content-Type': 'application/json',
    ...headers,
  };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, method, path, headers: given, agent: false });
    request.on('error', reject);
    request.on('response', async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() });
    });
    request.end(method === 'GET' ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
}

/** Exchanges the secret. Returns the cookie as a request has it. */
export async function enter(inspector) {
  const { headers } = await send(inspector, { path: '/session', body: { secret: inspector.secret } });
  return headers['set-cookie'][0].split(';')[0];
}
