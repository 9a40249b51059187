// How does a test send requests that node:http would not send: a repeated header, or arbitrary bytes?

import net from 'node:net';

const DEADLINE_MS = 10_000;

/**
 * GET over a plain socket with these header lines. Returns `{ status, headers, body }`, the headers as
 * `[[name, value], …]`.
 */
export function rawGet(url, lines) {
  return rawRequest(url, 'GET', lines);
}

export async function rawRequest(url, method, lines) {
  const { hostname, pathname, search } = new URL(url);
  const text = await rawExchange(url, [
    `${method} ${pathname}${search} HTTP/1.1`,
    `Host: ${hostname}`,
    'Connection: close',
    ...lines,
  ]);
  const [head, ...rest] = text.split('\r\n\r\n');
  const [statusLine, ...headerLines] = head.split('\r\n');
  const headers = headerLines.map((line) => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 1).trim(),
  ]);
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
}

/** Sends these lines to the server of `url`. Returns everything that it sends until it closes the connection. */
export function rawExchange(url, lines) {
  const { hostname, port } = new URL(url);
  return exchange(hostname, port, [...lines, '', ''].join('\r\n'));
}

function exchange(host, port, text) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    const socket = net.connect({ host, port }, () => socket.write(text, 'latin1'));
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}
