// Which sockets does `socketIoMiddleware` accept, and what does a refused client receive? With a real server and client.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, test } from 'node:test';

import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { protectApi } from '@monocloud/backend-node/node';
import { socketIoMiddleware } from '@monocloud/backend-node/ws';

import { backend } from '../support/backend.mjs';
import { boundRequest, boundToken, freshKey } from '../support/dpop.mjs';
import { eventually } from '../support/eventually.mjs';
import { close, open } from '../support/http.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { AUDIENCE, ISSUER, offline, signed } from '../support/offline.mjs';

const ARGUMENT_INVALID = { name: 'MonoCloudValidationError', reason: 'argument_invalid' };
const down = () => offline({ jwksResolver: () => Promise.reject(new Error('down')) });

/** Runs `use` with a server that has this middleware: `connect(options)` resolves with a client's socket or refusal. */
async function serve(middleware, use, { namespace = '/', configure, options } = {}) {
  const httpServer = http.createServer();
  const server = new Server(httpServer, options);
  server.of(namespace).use(middleware);
  configure?.(server.of(namespace), server);
  const sockets = [];
  server.of(namespace).on('connection', (socket) => {
    sockets.push(socket);
    socket.on('who', (answer) => answer(socket.data.auth?.claims.sub ?? 'nobody'));
    socket.on('renew', async (token, answer) => {
      answer(
        await socket.data.auth.renew(token).then(
          () => 'renewed',
          ({ reason }) => reason,
        ),
      );
    });
  });
  await open(httpServer, { port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${httpServer.address().port}`;
  const clients = [];
  const connect = async (given = {}) => {
    const client = io(url + namespace, { transports: ['websocket'], reconnection: false, forceNew: true, ...given });
    clients.push(client);
    return new Promise((resolve) => {
      client.once('connect', () => resolve({ client }));
      client.once('connect_error', ({ message, data }) => resolve({ message, data }));
    });
  };
  try {
    return await use({ connect, server, sockets, url });
  } finally {
    for (const client of clients) client.io.engine?.close();
    await eventually(() => server.engine.clientsCount === 0);
    await server.close();
    await close(httpServer).catch(() => {});
  }
}

const auth = (token) => ({ auth: { token } });
const who = ({ client }) => client.emitWithAck('who');

describe('a socket', () => {
  test('is accepted by the token in its handshake, by each transport', async () => {
    await serve(socketIoMiddleware(offline()), async ({ connect, sockets }) => {
      for (const transports of [['websocket'], ['polling']]) {
        assert.equal(await who(await connect({ ...auth(signed({ sub: 'me' })), transports })), 'me');
      }
      const [{ data }] = sockets;
      assert.deepEqual([data.auth.isActive, data.auth.expiresAt], [true, data.auth.claims.exp]);
      assert.doesNotMatch(JSON.stringify(data), /eyJ|me/);
    });
  });

  test('is accepted by its Authorization header, and auth.token goes first', async () => {
    await serve(socketIoMiddleware(offline()), async ({ connect }) => {
      const extraHeaders = { authorization: `Bearer ${signed({ sub: 'header' })}` };
      assert.equal(await who(await connect({ extraHeaders })), 'header');
      for (const nothing of ['', null])
        assert.equal(await who(await connect({ ...auth(nothing), extraHeaders })), 'header');
      assert.equal(await who(await connect({ ...auth(signed({ sub: 'auth' })), extraHeaders })), 'auth');
      assert.equal((await connect({ ...auth('a.b.c'), extraHeaders })).data.reason, 'token_malformed');
      for (const odd of [1, true, {}, [signed()], `${signed()} ${signed()}`, ' ', `${signed()}, Bearer ${signed()}`]) {
        assert.equal((await connect({ ...auth(odd), extraHeaders })).data.status, 401, JSON.stringify(odd));
      }
    });
  });

  test('is not accepted by a token in the query', async () => {
    await serve(socketIoMiddleware(offline()), async ({ connect }) => {
      assert.equal((await connect({ query: { token: signed(), access_token: signed() } })).data.status, 401);
    });
  });

  for (const [what, client, options, token, expected] of [
    ['no token', offline, {}, () => undefined, { status: 401, code: 'unauthorized', reason: 'token_required' }],
    [
      'an expired token',
      offline,
      {},
      () => signed({ exp: 1 }),
      { status: 401, code: 'invalid_token', reason: 'expired' },
    ],
    [
      'missing scopes',
      offline,
      { scopes: ['a'] },
      signed,
      { status: 403, code: 'insufficient_scope', reason: 'scope_missing' },
    ],
    [
      'missing groups',
      offline,
      { groups: ['a'] },
      signed,
      { status: 403, code: 'insufficient_groups', reason: 'group_missing' },
    ],
    [
      'an old sign-in',
      offline,
      { maxAge: 60 },
      () => signed({ auth_time: 1 }),
      { status: 401, code: 'insufficient_user_authentication', reason: 'authentication_too_old' },
    ],
    ['an outage', down, {}, signed, { status: 503, code: 'temporarily_unavailable' }],
    [
      'a broken client',
      () => ({ validateAccessToken: () => Promise.reject(new Error('canary')) }),
      {},
      signed,
      { status: 500, code: 'server_error' },
    ],
  ]) {
    test(`with ${what} receives connect_error with ${expected.status}, and no more than it may know`, async () => {
      await serve(socketIoMiddleware(client(), options), async ({ connect, sockets }) => {
        const { message, data } = await connect(auth(token()));
        assert.deepEqual([data, sockets.length], [expected, 0]);
        assert.doesNotMatch(message, /canary/);
      });
    });
  }

  test('has the claims of its own token: 200 at once', async () => {
    await serve(socketIoMiddleware(offline()), async ({ connect }) => {
      const subjects = Array.from({ length: 200 }, (_, index) => `user-${index}`);
      const found = await Promise.all(subjects.map(async (sub) => who(await connect(auth(signed({ sub }))))));
      assert.deepEqual(found, subjects);
    });
  });

  /** A guard whose tokens are their own subjects, and end after so many milliseconds. */
  const endingAfter = (ms) => async () => ({ claims: { sub: 'a', exp: (Date.now() + ms) / 1000 }, headers: {} });

  test('is disconnected when its token ends, and is not active from then on', async () => {
    for (const options of [undefined, { closeOnExpiry: true }]) {
      await serve(socketIoMiddleware(endingAfter(50), options), async ({ connect, sockets }) => {
        const { client } = await connect();
        if (client.connected) await once(client, 'disconnect');
        await eventually(() => sockets[0].disconnected);
        assert.equal(sockets[0].data.auth.isActive, false);
      });
    }
  });

  test('stays with closeOnExpiry: false, and is not active', async () => {
    await serve(socketIoMiddleware(endingAfter(0), { closeOnExpiry: false }), async ({ connect, sockets }) => {
      const socket = await connect();
      await eventually(() => !sockets[0].data.auth.isActive);
      assert.equal(await who(socket), 'a');
    });
  });

  test('is renewed by a message, for the same subject', async () => {
    await serve(socketIoMiddleware(offline()), async ({ connect, sockets }) => {
      const exp = Math.floor(Date.now() / 1000) + 7200;
      const { client } = await connect(auth(signed()));
      assert.equal(await client.emitWithAck('renew', signed({ exp, sub: 'other' })), 'argument_invalid');
      assert.equal(await client.emitWithAck('renew', 'a.b.c'), 'token_malformed');
      assert.equal(await client.emitWithAck('renew', signed({ exp })), 'renewed');
      assert.equal(sockets[0].data.auth.expiresAt, exp);
    });
  });

  test('that leaves disposes its connection', async () => {
    await serve(socketIoMiddleware(offline()), async ({ connect, sockets }) => {
      const { client } = await connect(auth(signed()));
      assert.equal(sockets[0].data.auth.isActive, true);
      client.disconnect();
      await eventually(() => !sockets[0].data.auth.isActive);
    });
  });

  test('counts once for a DPoP proof in its headers, also with two namespaces', async () => {
    const issuer = await startIssuer();
    try {
      const configure = (_namespace, server) => server.of('/more').use(middleware);
      const client = backend(issuer);
      const middleware = socketIoMiddleware(client);
      await serve(
        middleware,
        async ({ connect, url }) => {
          const key = await freshKey();
          const token = boundToken(issuer, key);
          const extraHeaders = boundRequest({ key, token, url: `${url}/socket.io/` });
          const first = await connect({ extraHeaders });
          assert.equal(await who(first), 'user-1');
          const more = first.client.io.socket('/more');
          await once(more, 'connect');
          assert.equal((await connect({ extraHeaders })).data.status, 401);
          assert.equal((await connect(auth(token))).data.reason, 'dpop_scheme_required');
        },
        { configure },
      );
    } finally {
      await issuer.close();
    }
  });

  test('that a later middleware refuses has no timer, however often it tries', async (t) => {
    const set = t.mock.method(globalThis, 'setTimeout');
    const waits = () => set.mock.calls.map(({ arguments: [, wait] }) => wait).filter((wait) => wait === 60_000).length;
    const configure = (namespace) => namespace.use((_socket, next) => next(new Error('no')));
    await serve(
      socketIoMiddleware(offline()),
      async ({ connect }) => {
        for (let index = 0; index < 5; index += 1) assert.equal((await connect(auth(signed()))).message, 'no');
        assert.equal(waits(), 0);
      },
      { configure },
    );
  });

  test('that the application lets in without a token stays', async () => {
    const check = socketIoMiddleware(offline());
    const optional = (socket, next) => (socket.handshake.auth.guest ? next() : check(socket, next));
    await serve(optional, async ({ connect }) => {
      assert.equal(await who(await connect(auth(signed()))), 'user-1');
      assert.equal(await who(await connect({ auth: { guest: true } })), 'nobody');
    });
  });

  test('that Socket.IO recovered without the middleware is disconnected', async () => {
    const options = { connectionStateRecovery: { skipMiddlewares: true } };
    await serve(
      socketIoMiddleware(offline()),
      async ({ connect, sockets, server }) => {
        const { client } = await connect(auth(signed()));
        // A recovery needs an event with an offset.
        sockets[0].emit('event', 1);
        await once(client, 'event');
        const again = new Promise((resolve) => server.of('/').on('connection', resolve));
        client.io.engine.close();
        client.connect();
        const recovered = await again;
        assert.equal(recovered.recovered, true);
        await eventually(() => recovered.disconnected);
      },
      { options },
    );
  });
});

describe('socketIoMiddleware', () => {
  test('takes a client, a guard of ./node, or the environment', async (t) => {
    const variables = { MONOCLOUD_BACKEND_TENANT_DOMAIN: ISSUER, MONOCLOUD_BACKEND_AUDIENCE: AUDIENCE };
    assert.throws(() => socketIoMiddleware(), { reason: 'option_invalid' });
    Object.assign(process.env, variables);
    t.after(() => Object.keys(variables).forEach((name) => delete process.env[name]));
    for (const [middleware, reason] of [
      [socketIoMiddleware(), 'token_malformed'],
      [socketIoMiddleware({ scopes: ['a'] }), 'token_malformed'],
      [socketIoMiddleware(undefined, { scopes: ['a'], grace: 5, recheck: 60 }), 'token_malformed'],
      [socketIoMiddleware(offline(), { scopes: ['a'] }), 'scope_missing'],
      [socketIoMiddleware(protectApi(offline())({ scopes: ['a'] }), { grace: 5 }), 'scope_missing'],
    ]) {
      const token = reason === 'scope_missing' ? signed() : 'a.b.c';
      await serve(middleware, async ({ connect }) => assert.equal((await connect(auth(token))).data.reason, reason));
    }
  });

  test('refuses unknown and invalid options', () => {
    const guard = protectApi(offline())();
    for (const args of [
      [offline(), { scope: ['a'] }],
      [offline(), { closeOnExpiry: 1 }],
      [offline(), { grace: -1 }],
      [offline(), { recheck: 0 }],
      [offline(), 'a'],
      [guard, { scopes: ['a'] }],
      [guard, 1],
    ]) {
      assert.throws(() => socketIoMiddleware(...args), ARGUMENT_INVALID);
    }
  });
});
