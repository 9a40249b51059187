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
  const request = [
    `${method} ${pathname}${search} HTTP/1.1`,
    `Host: ${hostname}`,
    'Connection: close',
    ...lines,
    '',
    '',
  ];
  return rawText(url, request.join('\r\n'));
}

/** Sends these bytes to the server of `url`. Returns its answer like `rawGet`. */
export async function rawText(url, sent) {
  const { hostname, port } = new URL(url);
  const text = await exchange(hostname, port, sent);
  const [head, ...rest] = text.split('\r\n\r\n');
  const [statusLine, ...headerLines] = head.split('\r\n');
  const headers = headerLines.map((line) => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 1).trim(),
  ]);
  const body = rest.join('\r\n\r\n');
  const isChunked = headers.some(([name, value]) => name === 'transfer-encoding' && value === 'chunked');
  return { status: Number(statusLine.split(' ')[1]), headers, body: isChunked ? joined(body) : body };
}

/** RFC 9112 §7.1: the chunks without their sizes. */
function joined(text) {
  const [, size] = /^([\da-f]+)\r\n/i.exec(text) ?? [];
  const length = Number.parseInt(size ?? '0', 16);
  const start = (size?.length ?? 0) + 2;
  return length === 0 ? '' : text.slice(start, start + length) + joined(text.slice(start + length + 2));
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
