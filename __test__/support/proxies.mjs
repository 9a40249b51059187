// Which proxies can a test put between a client and its server?
//
// An HTTP proxy (RFC 9110 §9.3.6 CONNECT, and absolute-form requests), a plain TCP proxy that a test can pause, cut or
// close, and one that balances.

import http from 'node:http';
import net from 'node:net';

import { close, open } from './http.mjs';

/**
 * Returns `{ url, requests, credentials, close }`. `requests` contains `CONNECT host:port` and `GET http://…` as
 * received, `credentials` the `Proxy-Authorization` of each.
 */
export async function startHttpProxy() {
  const requests = [];
  const credentials = [];
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    credentials.push(request.headers['proxy-authorization']);
    const { method, headers } = request;
    const onward = http.request(request.url, { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  const tunnels = new Set();
  server.on('connect', (request, socket, head) => {
    requests.push(`CONNECT ${request.url}`);
    credentials.push(request.headers['proxy-authorization']);
    const { hostname, port } = new URL(`http://${request.url}`);
    const onward = net.connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
      join(socket, onward, tunnels);
    });
    onward.on('error', () => socket.destroy());
  });
  await open(server, { port: 0, host: '127.0.0.1' });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    credentials,
    close: () => {
      tunnels.forEach((socket) => socket.destroy());
      return close(server);
    },
  };
}

/**
 * A proxy to `port` of loopback: `{ port, pause, resume, cut, close, open, received }`. While paused, it receives
 * data and forwards nothing. `cut` ends every connection when it next receives data.
 */
export async function startTcpProxy(port) {
  const sockets = new Set();
  const state = { isPaused: false, isCutting: false };
  const server = net.createServer((socket) => {
    const onward = net.connect(port, '127.0.0.1');
    join(socket, onward, sockets);
    if (state.isPaused) onward.pause();
    onward.role = 'server';
    socket.prependListener('data', () => {
      if (state.isCutting) sockets.forEach((other) => other.destroy());
    });
  });
  await listenAt(server, 0);
  const own = server.address().port;
  const answering = () => [...sockets].filter(({ role }) => role === 'server');
  return {
    port: own,
    pause() {
      state.isPaused = true;
      answering().forEach((socket) => socket.pause());
    },
    resume() {
      state.isPaused = false;
      answering().forEach((socket) => socket.resume());
    },
    cut() {
      state.isCutting = true;
    },
    open: () => listenAt(server, own),
    async close() {
      state.isCutting = false;
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}

/**
 * A TCP proxy that gives each connection to the next of `ports`: `{ url, ports, close }`. `ports` may be filled later.
 */
export async function startRoundRobin(ports = []) {
  const sockets = new Set();
  let connections = 0;
  const server = net.createServer((socket) => {
    join(socket, net.connect(ports[connections % ports.length], '127.0.0.1'), sockets);
    connections += 1;
  });
  await listenAt(server, 0);
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    ports,
    close() {
      sockets.forEach((socket) => socket.destroy());
      return close(server);
    },
  };
}

const listenAt = (server, port) => open(server, { port, host: '127.0.0.1' });

/** Two sockets that forward each other's octets, and end together. */
function join(one, other, all) {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ]) {
    all.add(from);
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      all.delete(from);
      to.destroy();
    });
  }
}
