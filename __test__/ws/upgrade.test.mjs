// Which WebSockets does `authenticateUpgrade` accept, and what does a refused client receive?

import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';

import { protectApi } from '@monocloud/backend-node/node';
import { authenticateUpgrade } from '@monocloud/backend-node/ws';

import { backend } from '../support/backend.mjs';
import { boundRequest, boundToken, freshKey } from '../support/dpop.mjs';
import { eventually } from '../support/eventually.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { offline, signed } from '../support/offline.mjs';
import { rawExchange } from '../support/raw-http.mjs';
import { bearer, connect, tell, upgradeOf, withWebSockets } from '../support/websockets.mjs';

const ARGUMENT_INVALID = { name: 'MonoCloudValidationError', reason: 'argument_invalid' };
const JSON_TYPE = 'application/json; charset=utf-8';
const down = () => offline({ jwksResolver: () => Promise.reject(new Error('down')) });
const guardOf = (route, client = offline(), options = undefined) => protectApi(client, options)(route);

/** The parts of a refusal that are documented. */
const partsOf = ({ status, headers, body }) => ({
  status,
  body,
  challenge: headers['www-authenticate'],
  retryAfter: headers['retry-after'],
  type: headers['content-type'],
  connection: headers.connection,
});
const refusal = (status, message, { challenge, retryAfter } = {}) => ({
  status,
  body: JSON.stringify({ message }),
  challenge,
  retryAfter,
  type: JSON_TYPE,
  connection: 'close',
});

describe('an upgrade request', () => {
  test('with a good token opens a connection, which knows its claims', async () => {
    await withWebSockets({ guard: guardOf({ scopes: ['a'] }) }, async ({ url, connections }) => {
      const { socket } = await connect(url, { token: signed({ sub: 'me', scope: 'a' }) });
      assert.equal(await tell(socket, 'claims'), 'me');
      const [{ auth }] = connections;
      assert.deepEqual([auth.isActive, auth.expiresAt, auth.headers], [true, auth.claims.exp, {}]);
    });
  });

  for (const [what, token, guard, expected] of [
    ['no token', () => undefined, guardOf(), refusal(401, 'unauthorized', { challenge: 'Bearer' })],
    [
      'an expired token',
      () => signed({ exp: 1 }),
      guardOf(),
      refusal(401, 'unauthorized', {
        challenge: 'Bearer error="invalid_token", error_description="Token has expired"',
      }),
    ],
    [
      'missing scopes',
      signed,
      guardOf({ scopes: ['a'] }),
      refusal(403, 'forbidden', { challenge: 'Bearer error="insufficient_scope", scope="a"' }),
    ],
    ['an outage', signed, guardOf({}, down()), refusal(503, 'service unavailable', { retryAfter: '5' })],
    ['a guard that throws', signed, () => Promise.reject(new Error('canary')), refusal(500, 'internal server error')],
    ['a guard that returns nothing', signed, async () => undefined, refusal(500, 'internal server error')],
    [
      'a guard that returns no claims',
      signed,
      async () => ({ claims: undefined }),
      refusal(500, 'internal server error'),
    ],
    [
      'a guard that accepts with a status',
      signed,
      async () => ({ status: 200 }),
      refusal(500, 'internal server error'),
    ],
  ]) {
    test(`with ${what} gets the HTTP response ${expected.status}, and no connection`, async () => {
      await withWebSockets({ guard }, async ({ url, connections }) => {
        assert.deepEqual(partsOf(await connect(url, { token: token() })), expected);
        assert.equal(connections.length, 0);
      });
    });
  }

  test('that was refused ends, although its client keeps its side open', async () => {
    await withWebSockets({ guard: guardOf() }, async ({ httpUrl }) => {
      const lines = ['GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'];
      const text = await rawExchange(httpUrl, lines);
      assert.match(text, /^HTTP\/1\.1 401 Unauthorized\r\n(?:.+\r\n)+\r\n\{"message":"unauthorized"\}$/);
    });
  });

  test('with a method other than GET gets 405, also a preflight that the guard would let through', async () => {
    const guard = guardOf({}, offline(), { allowPreflight: true });
    const asking = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
    for (const [method, headers] of [
      ['OPTIONS', asking],
      ['POST', bearer(signed())],
    ]) {
      const { request, socket } = upgradeOf(headers, { method });
      assert.equal(await authenticateUpgrade(guard)(request, socket), undefined);
      assert.match(socket.sent(), /^HTTP\/1\.1 405 Method Not Allowed\r\n[^]*Allow: GET\r\n/);
    }
  });

  test('with two tokens in two fields is refused', async () => {
    const authorization = `Bearer ${signed()}`;
    const rawHeaders = ['Authorization', authorization, 'Authorization', authorization];
    const { request, socket } = upgradeOf({ authorization }, { rawHeaders });
    assert.equal(await authenticateUpgrade(guardOf())(request, socket), undefined);
  });

  test('with a token in the query or in a cookie is refused', async () => {
    await withWebSockets({ guard: guardOf(), options: { subprotocol: true } }, async ({ url }) => {
      const token = signed();
      const { status } = await connect(`${url}/?access_token=${token}&token=${token}`, {
        headers: { cookie: `access_token=${token}` },
      });
      assert.equal(status, 401);
    });
  });

  test('gets a new DPoP nonce with its refusal, and the proof counts once', async () => {
    const issuer = await startIssuer();
    try {
      const client = backend(issuer, { dpop: { nonce: 'required' } });
      await withWebSockets({ guard: guardOf({}, client) }, async ({ url, httpUrl }) => {
        const key = await freshKey();
        const token = boundToken(issuer, key);
        const proof = (nonce) => boundRequest({ key, token, url: `${httpUrl}/`, nonce });
        const first = await connect(url, { headers: proof() });
        assert.deepEqual(
          [first.status, /error="(.*?)"/.exec(first.headers['www-authenticate'])[1]],
          [401, 'use_dpop_nonce'],
        );
        const headers = proof(first.headers['dpop-nonce']);
        assert.equal(await tell((await connect(url, { headers })).socket, 'claims'), 'user-1');
        assert.equal((await connect(url, { headers })).status, 401);
        assert.equal((await connect(url, { token })).status, 401, 'a bound token is no bearer token');
      });
    } finally {
      await issuer.close();
    }
  });

  test('whose socket fails or is destroyed meanwhile opens nothing and throws nothing', async () => {
    for (const isGood of [true, false]) {
      for (const end of [
        (socket) => socket.destroy(),
        (socket) => socket.destroy(new Error('reset')),
        (socket) => socket.emit('error', new Error('reset')) && socket.destroy(),
      ]) {
        const { request, socket } = upgradeOf(isGood ? bearer(signed()) : {});
        const pending = authenticateUpgrade(guardOf({}, offline(), { tokenResolver: async () => end(socket) && '' }))(
          request,
          socket,
        );
        assert.equal(await pending, undefined);
        assert.equal(socket.sent(), '');
      }
    }
  });

  test('whose client goes away while the response is written throws nothing', async () => {
    const { request, socket } = upgradeOf();
    assert.equal(await authenticateUpgrade(guardOf())(request, socket), undefined);
    socket.emit('error', new Error('EPIPE'));
    await eventually(() => socket.destroyed);
  });

  test('that was accepted leaves the errors of its socket to the server', async () => {
    const { request, socket } = upgradeOf(bearer(signed()));
    assert.ok(await authenticateUpgrade(guardOf())(request, socket));
    assert.deepEqual([socket.listenerCount('error'), socket.sent()], [0, '']);
  });

  test('cannot add a header through what a guard of the application returns', async () => {
    const guard = async () => ({ status: 401, headers: { 'X-A': 'b\r\nSet-Cookie: c=d' }, body: 'no' });
    const { request, socket } = upgradeOf();
    await authenticateUpgrade(guard)(request, socket);
    assert.match(socket.sent(), /\r\nX-A: b {2}Set-Cookie: c=d\r\n\r\nno$/);
  });
});

describe('a token in Sec-WebSocket-Protocol', () => {
  const options = { subprotocol: true };

  test('is read only with subprotocol: true', async () => {
    for (const given of [undefined, {}, { subprotocol: false }, { subprotocol: undefined }]) {
      await withWebSockets({ guard: guardOf(), options: given }, async ({ url }) => {
        assert.equal((await connect(url, { protocols: ['bearer', signed()] })).status, 401);
      });
    }
  });

  test('is answered with bearer, and no part of the server sees the token', async () => {
    const seen = [];
    const received = ({ headers, rawHeaders }) => seen.push(JSON.stringify([headers, rawHeaders]));
    await withWebSockets({ guard: guardOf(), options, received }, async ({ url }) => {
      const token = signed();
      for (const more of [[], ['graphql-transport-ws', 'other']]) {
        const { socket, protocol } = await connect(url, { protocols: ['bearer', token, ...more] });
        assert.equal(protocol, 'bearer');
        assert.equal(await tell(socket, 'claims'), 'user-1');
      }
      assert.deepEqual(
        seen.map((text) => text.includes(token)),
        [false, false],
      );
      assert.match(seen[1], /"bearer, graphql-transport-ws, other"/);
    });
  });

  test('is refused like any other token, and not echoed', async () => {
    const { request, socket } = upgradeOf({ 'sec-websocket-protocol': 'bearer, a.b.canary' });
    assert.equal(await authenticateUpgrade(guardOf(), options)(request, socket), undefined);
    assert.match(socket.sent(), /^HTTP\/1\.1 401 [^]*error="invalid_token"/);
    assert.doesNotMatch(socket.sent(), /canary/);
  });

  test('does not count beside an Authorization header', async () => {
    for (const [authorization, expected] of [
      [`Bearer ${signed({ sub: 'header' })}`, 'header'],
      ['Bearer a.b.c', undefined],
      ['Bearer', undefined],
      ['Basic YTpi', 'protocol'],
    ]) {
      const headers = { authorization, 'sec-websocket-protocol': `bearer,${signed({ sub: 'protocol' })}` };
      const { request, socket } = upgradeOf(headers);
      const auth = await authenticateUpgrade(guardOf(), options)(request, socket);
      assert.equal(auth?.claims.sub, expected, authorization);
      assert.equal(request.headers['sec-websocket-protocol'], 'bearer');
    }
  });

  for (const [what, protocols] of [
    ['without bearer first', `chat, bearer, ${signed()}`],
    ['without a token', 'bearer'],
    ['with an empty token', 'bearer, '],
    ['in another case', `Bearer, ${signed()}`],
    ['alone', signed()],
  ]) {
    test(`${what} is none`, async () => {
      const { request, socket } = upgradeOf({ 'sec-websocket-protocol': protocols });
      assert.equal(await authenticateUpgrade(guardOf(), options)(request, socket), undefined);
    });
  }

  test('reaches the resolvers of the guard as any other token', async () => {
    const seen = [];
    const certificateResolver = (request) => {
      seen.push([
        request.headers['x-client-cert'],
        request.headersDistinct['x-client-cert'],
        request.socket === socket,
      ]);
      return undefined;
    };
    const token = signed({ cnf: { 'x5t#S256': 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0' } });
    const { request, socket } = upgradeOf({ 'x-client-cert': 'pem', 'sec-websocket-protocol': `bearer, ${token}` });
    const guard = guardOf({}, offline(), { certificateResolver });
    assert.equal(await authenticateUpgrade(guard, options)(request, socket), undefined);
    assert.deepEqual(seen, [['pem', ['pem'], true]]);
  });
});

describe('the claims of one connection', () => {
  test('are never those of another: 10,000 interleaved upgrades', async () => {
    const waiting = [];
    const client = offline();
    // Each decision waits for its turn, and the turns come in another order.
    const guard = protectApi(client, { tokenResolver: () => new Promise((resolve) => waiting.push(resolve)) })();
    const authenticate = authenticateUpgrade(guard);
    const tokens = Array.from({ length: 50 }, (_, index) => signed({ sub: `user-${index}` }));
    let wrong = 0;
    for (let round = 0; round < 100; round += 1) {
      const upgrades = Array.from({ length: 100 }, (_, index) => {
        const who = (index * 7 + round) % 51;
        return { who, ...upgradeOf(who === 50 ? {} : bearer(tokens[who])) };
      });
      const pending = upgrades.map(({ request, socket }) => authenticate(request, socket));
      const turns = waiting.splice(0);
      turns.forEach((_, index) => turns[(index * 37 + round) % turns.length]());
      const found = await Promise.all(pending);
      found.forEach((auth, index) => {
        const { who, socket } = upgrades[index];
        const expected = who === 50 ? undefined : `user-${who}`;
        if (auth?.claims.sub !== expected || (who === 50) === (socket.sent() === '')) wrong += 1;
      });
    }
    assert.equal(wrong, 0);
  });

  test('are an object of its own, also with one token', async () => {
    const token = signed({ list: [1] });
    const authenticate = authenticateUpgrade(guardOf());
    const [first, second] = await Promise.all(
      [1, 2].map(() => {
        const { request, socket } = upgradeOf(bearer(token));
        return authenticate(request, socket);
      }),
    );
    first.claims.list.push(2);
    assert.deepEqual(second.claims.list, [1]);
  });
});

describe('authenticateUpgrade', () => {
  test('refuses what is no guard, and unknown options', () => {
    for (const wrong of [undefined, null, {}, offline()]) {
      assert.throws(() => authenticateUpgrade(wrong), ARGUMENT_INVALID);
    }
    for (const wrong of [{ subprotocol: 'true' }, { subProtocol: true }, 'bearer', { subprotocol: 1 }]) {
      assert.throws(() => authenticateUpgrade(guardOf(), wrong), ARGUMENT_INVALID);
    }
  });

  test('keeps no token where a log would print it', async () => {
    const token = signed();
    const { request } = upgradeOf(bearer(token));
    const auth = await authenticateUpgrade(guardOf())(request, new net.Socket());
    const { inspect } = await import('node:util');
    assert.doesNotMatch(inspect(auth, { depth: 9, showHidden: true }) + JSON.stringify(auth), /eyJ/);
  });
});
