// How does a test run a WebSocket server whose connections are authenticated by `./ws`?

import { once } from 'node:events';
import http from 'node:http';
import { PassThrough } from 'node:stream';

import { WebSocket, WebSocketServer } from 'ws';
import { authenticateUpgrade, closeOnExpiry } from '@monocloud/backend-node/ws';

import { close, open, readBody } from './http.mjs';

/**
 * Runs `use` with the server: `url`, and `connections` with `{ auth, socket }`. Each connection answers `claims` with its
 * subject and `renew <token>` with the outcome.
 */
export async function withWebSockets({ guard, options, expiry, expires = true, received = () => {} }, use) {
  const authenticate = authenticateUpgrade(guard, options);
  const sockets = new WebSocketServer({ noServer: true });
  const connections = [];
  const server = http.createServer();
  server.on('upgrade', async (request, socket, head) => {
    const auth = await authenticate(request, socket);
    if (auth === undefined) return;
    received(request, auth);
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      connections.push({ auth, socket: webSocket });
      webSocket.on('close', () => auth.dispose());
      webSocket.on('message', async (data) => webSocket.send(await answerTo(String(data), auth)));
      if (expires) closeOnExpiry(auth, (code, reason) => webSocket.close(code, reason), expiry);
    });
  });
  await open(server, { port: 0, host: '127.0.0.1' });
  const { port } = server.address();
  try {
    return await use({ url: `ws://127.0.0.1:${port}`, httpUrl: `http://127.0.0.1:${port}`, connections });
  } finally {
    // Simulated timers of a connection that ends later would disturb the next test.
    const all = [...opened.splice(0), ...connections.map(({ socket }) => socket)];
    await Promise.all(all.map(ended));
    await close(server);
  }
}

/** The clients of the running test. */
const opened = [];

async function ended(socket) {
  if (socket.readyState === WebSocket.CLOSED) return;
  const closed = once(socket, 'close');
  socket.terminate();
  await closed;
}

async function answerTo(text, auth) {
  const [command, ...args] = text.split(' ');
  if (command !== 'renew') return auth.claims.sub;
  try {
    await auth.renew(...args);
    return 'renewed';
  } catch (error) {
    return `${error.name} ${error.code} ${error.reason}`;
  }
}

/** Connects a real client: `{ socket, protocol }`, or the HTTP response `{ status, headers, body }` of a refusal. */
export async function connect(url, { token, headers = {}, protocols = [] } = {}) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const socket = new WebSocket(url, protocols, { headers: { ...authorization, ...headers } });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      opened.push(socket);
      resolve({ socket, protocol: socket.protocol });
    });
    socket.once('unexpected-response', async (request, response) => {
      resolve({ status: response.statusCode, headers: response.headers, body: await readBody(response) });
      request.destroy();
    });
    socket.once('error', reject);
  });
}

/** Sends a text and returns the answer. */
export async function tell(socket, text) {
  const answer = once(socket, 'message');
  socket.send(text);
  return String((await answer)[0]);
}

/** How a client's connection was closed: `[code, reason]`. */
export async function closing(socket) {
  const [code, reason] = await once(socket, 'close');
  return [code, String(reason)];
}

/** A request and its socket without a network. `socket.sent()` is what was written to it. */
export function upgradeOf(headers = {}, more = {}) {
  const socket = new PassThrough();
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.sent = () => Buffer.concat(chunks).toString('latin1');
  const rawHeaders = Object.entries(headers).flat();
  return { request: { method: 'GET', url: '/', headers, rawHeaders, socket, ...more }, socket };
}

export const bearer = (token) => ({ authorization: `Bearer ${token}` });
