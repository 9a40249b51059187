// In which ways does a response fail?
//
// Each fault is a function of one exchange at the fault proxy. Endless faults end when the client closes the
// connection.

const MEGABYTE = 1024 * 1024;
const CHUNK = Buffer.alloc(16 * 1024, ' ');

/** The usual response, later: after this many milliseconds, or when a promise resolves. */
export const delay =
  (until) =>
  async ({ request, response, body, proxy }) => {
    await (typeof until === 'number'
      ? new Promise((resolve) => {
          setTimeout(resolve, until);
        })
      : until);
    await proxy.forward(request, response, body);
  };

/** Receives the request and never responds. */
export const hang = () => () => {};

/** Sends the head at once, then one octet per second. */
export const drip =
  () =>
  ({ response, wrote }) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.flushHeaders();
    const timer = setInterval(() => {
      response.write(' ');
      wrote(1);
    }, 1000);
    response.once('close', () => clearInterval(timer));
  };

/** Sends half a status line, then one octet per second. */
export const dripHead =
  () =>
  ({ response: { socket } }) => {
    socket.write('HTTP/1.1 2');
    const timer = setInterval(() => socket.write('0'), 1000);
    socket.once('close', () => clearInterval(timer));
  };

/** A status, with headers and a body. */
export const status =
  (code, { headers = {}, body = '' } = {}) =>
  ({ response }) =>
    send(response, { status: code, headers, body });

/** Status 200 with this text as the body. */
export const text =
  (body, type = 'application/json') =>
  ({ response }) =>
    send(response, { status: 200, headers: { 'content-type': type }, body });

export const html = () => text('<!doctype html><title>Sorry</title>'.padEnd(2000), 'text/html');

/** The first half of the usual response; then the connection ends. */
export const truncate =
  () =>
  async ({ request, response, body, proxy }) => {
    const { status: code, headers, body: whole } = await proxy.fetch(request, body);
    response.writeHead(code, { ...withoutFraming(headers), 'content-length': Buffer.byteLength(whole) });
    response.write(whole.slice(0, whole.length / 2), () => response.socket.destroySoon());
  };

/** A body of this many octets, sent as fast as the client reads, with or without `Content-Length`. */
export const endless =
  ({ octets = 200 * MEGABYTE, isDeclared = false, start = '{"keys":[' } = {}) =>
  async ({ response, wrote }) => {
    const headers = { 'content-type': 'application/json' };
    response.writeHead(200, isDeclared ? { ...headers, 'content-length': octets } : headers);
    response.write(start);
    let goOn;
    response.on('drain', () => goOn?.()).once('close', () => goOn?.());
    for (let sent = start.length; sent < octets && !response.destroyed; sent += CHUNK.length) {
      const hasRoom = response.write(CHUNK);
      wrote(CHUNK.length);
      if (!hasRoom)
        await new Promise((resolve) => {
          goOn = resolve;
        });
    }
    response.end();
  };

/** An endless head. */
export const endlessHead =
  () =>
  ({ response: { socket } }) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const more = () => {
      while (!socket.destroyed && socket.write(`x-${'y'.repeat(100)}: ${'z'.repeat(8000)}\r\n`));
    };
    socket.on('drain', more);
    more();
  };

export const redirect = (location, code = 302) => status(code, { headers: { location } });

/** The usual document with some of its members replaced. */
export const rewrite =
  (change) =>
  async ({ request, response, body, proxy }) => {
    const { headers, body: whole } = await proxy.fetch(request, body);
    const changed = JSON.stringify(change(JSON.parse(whole)));
    await send(response, { status: 200, headers: withoutFraming(headers), body: changed });
  };

/** Resets the connection: at once, or in the middle of the body. */
export const reset =
  () =>
  ({ request }) =>
    request.socket.resetAndDestroy();
export const resetMidway =
  () =>
  ({ request, response }) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"issuer":', () => request.socket.resetAndDestroy());
  };

/** Octets that are not HTTP. */
export const noise =
  () =>
  ({ response: { socket } }) =>
    socket.end('SSH-2.0-OpenSSH_9.9\r\n'.repeat(10));

/** Every fault that gives no document, by name, with its `reason`. */
export const FAULTS = {
  'a status of 500': [status(500), 'unexpected_status'],
  'a status of 503': [status(503), 'unexpected_status'],
  'a status of 404': [status(404), 'unexpected_status'],
  'a status of 204': [status(204), 'unexpected_status'],
  'a redirect': [redirect('/elsewhere'), 'unexpected_status'],
  'an HTML page': [html(), 'body_invalid'],
  'an empty body': [text(''), 'body_invalid'],
  'a body of null': [text('null'), 'body_invalid'],
  'a body of an array': [text('[]'), 'body_invalid'],
  'a body that is not UTF-8': [text(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), 'body_invalid'],
  'a body without end': [endless(), 'body_too_large'],
  'a body declared to be 200 MB': [endless({ isDeclared: true }), 'body_too_large'],
  'half a body': [truncate(), 'connection_failed'],
  'a head without end': [endlessHead(), 'connection_failed'],
  'a reset': [reset(), 'connection_failed'],
  'a reset in the middle': [resetMidway(), 'connection_failed'],
  'another protocol': [noise(), 'connection_failed'],
};

/** Writes a response with the correct `Content-Length`. */
export async function send(response, { status: code = 200, headers = {}, body = '' }) {
  response.writeHead(code, {
    ...withoutFraming(headers),
    ...(code === 204 ? {} : { 'content-length': Buffer.byteLength(body) }),
  });
  await new Promise((resolve) => {
    response.once('close', resolve);
    response.end(code === 204 ? undefined : body, resolve);
  });
}

function withoutFraming(headers) {
  const { 'content-length': _length, 'transfer-encoding': _encoding, connection: _connection, ...rest } = headers;
  return rest;
}
