// Which events does a client publish on Node's diagnostics_channel?

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, afterEach, before, describe, test } from 'node:test';

import { protectApi } from '@monocloud/backend-node/express';
import express from 'express';

import { ANY_CLIENT } from '../support/backend.mjs';
import { get, listen } from '../support/http.mjs';
import { AUDIENCE } from '../support/issuer.mjs';
import { status } from './bodies.mjs';
import { alone, startIssuerBehindProxy } from './issuers.mjs';
import { eventually, rejection } from './waiting.mjs';

const PREFIX = 'monocloud:backend:';
const EVENTS = ['validated', 'refused', 'keys.refreshed', 'keys.refresh_failed', 'introspected', 'cache.failed'];

let server;
before(async () => {
  server = await startIssuerBehindProxy();
});
afterEach(() => server.proxy.heal());
after(() => server.close());

/** Runs `work` with a listener on every channel; returns `[event, message]` of each, in order. */
async function heard(work, isEnough = () => true) {
  const messages = [];
  const listeners = EVENTS.map((event) => [PREFIX + event, (message) => messages.push([event, message])]);
  for (const [name, listener] of listeners) subscribe(name, listener);
  try {
    await work();
    await eventually(() => isEnough(messages));
  } finally {
    for (const [name, listener] of listeners) unsubscribe(name, listener);
  }
  return messages;
}

const only = (messages, event) => messages.filter(([name]) => name === event).map(([, message]) => message);
/** A message without the client's name; asserts that the name is present. */
function anonymous({ issuer, audience, ...rest }) {
  assert.deepEqual([issuer, audience], [server.issuer, AUDIENCE]);
  return rest;
}
/** The same without its duration; asserts that it has one. */
function untimed(message) {
  const { duration, ...rest } = anonymous(message);
  assert.ok(duration >= 0 && duration < 60, String(duration));
  return rest;
}

describe('events', () => {
  test('tell of each decision, once, with its kind', async () => {
    const client = alone(server, ANY_CLIENT);
    const [jwt, opaque] = [server.sign(), server.opaque()];
    const messages = await heard(async () => {
      for (const token of [jwt, jwt, opaque]) await client.validateAccessToken(token);
      await rejection(client.validateAccessToken(jwt, { scopes: ['data:everything'] }));
      await rejection(client.validateAccessToken(`${jwt.slice(0, -6)}AAAAAA`));
      await rejection(client.validateAccessToken('nobody-has-this'));
    });
    assert.deepEqual(
      only(messages, 'validated')
        .map(anonymous)
        .map(({ kind }) => kind),
      ['jwt', 'jwt', 'opaque'],
    );
    assert.deepEqual(
      only(messages, 'refused')
        .map(anonymous)
        .map(({ reason }) => reason),
      ['scope_missing', 'signature_invalid', 'inactive'],
    );
  });

  test('tell of keys that were refreshed, with their count, and of those that were not, with the reason', async () => {
    const client = alone(server);
    const messages = await heard(
      async () => {
        await client.warmUp();
        server.proxy.fault('/jwks', status(500));
        await rejection(client.getJwks(true));
      },
      (all) => all.length >= 2,
    );
    assert.deepEqual(only(messages, 'keys.refreshed').map(untimed), [{ keys: server.behind.jwks.keys.length }]);
    assert.deepEqual(only(messages, 'keys.refresh_failed').map(untimed), [{ reason: 'unexpected_status' }]);
  });

  test('tell of keys that could not be asked for without metadata', async () => {
    await server.proxy.down();
    try {
      const client = alone(server);
      const messages = await heard(
        () => rejection(client.validateAccessToken(server.sign())),
        (all) => only(all, 'keys.refresh_failed').length > 0,
      );
      assert.equal(only(messages, 'keys.refresh_failed')[0].reason, 'connection_refused');
      assert.deepEqual(
        only(messages, 'refused').map(({ reason }) => reason),
        ['connection_refused'],
      );
    } finally {
      await server.proxy.up();
    }
  });

  test('tell of introspections: active, inactive, or why neither is known', async () => {
    const client = alone(server, ANY_CLIENT);
    const messages = await heard(async () => {
      await client.validateAccessToken(server.opaque());
      await rejection(client.validateAccessToken('nobody-has-this'));
      server.proxy.fault('/introspect', status(503));
      await rejection(client.validateAccessToken(server.opaque()));
    });
    assert.deepEqual(only(messages, 'introspected').map(untimed), [
      { active: true },
      { active: false },
      { reason: 'unexpected_status' },
    ]);
  });

  test('tell of middleware as of methods', async () => {
    const app = express();
    app.get('/', protectApi(alone(server))(), (_request, response) => response.end());
    const api = await listen(app);
    try {
      const messages = await heard(async () => {
        assert.equal((await get(api.url, { token: server.sign() })).status, 200);
        assert.equal((await get(api.url, { token: 'a.b.c' })).status, 401);
      });
      assert.deepEqual(
        only(messages, 'validated').map(({ kind }) => kind),
        ['jwt'],
      );
      assert.equal(only(messages, 'refused').length, 1);
    } finally {
      await api.close();
    }
  });

  test('never tell a token, a secret, a claim or an answer', async () => {
    const cache = {
      get: async () => ({ sub: 'a-subject' }),
      set: async () => {
        throw new Error('full');
      },
      delete: async () => {},
    };
    const client = alone(server, { clientId: 'api', clientSecret: 'a-secret-of-the-client', cache });
    const claims = { sub: 'a-subject', scope: 'a-scope' };
    const tokens = [
      server.sign({ claims }),
      server.opaque(claims),
      server.sign({ claims: { ...claims, exp: 1 } }),
      'nobody-has-this',
    ];
    const messages = await heard(
      async () => {
        for (const token of tokens) await client.validateAccessToken(token).catch(() => {});
        server.proxy.fault('/introspect', status(500, { body: 'a-body' }));
        await rejection(client.validateAccessToken(server.opaque(claims)));
      },
      (all) => only(all, 'cache.failed').length > 0,
    );
    assert.ok(messages.length > 8, `${messages.length}`);
    const text = JSON.stringify(messages);
    for (const word of [
      ...tokens,
      tokens[0].split('.')[2],
      'a-secret-of-the-client',
      'a-subject',
      'a-scope',
      'a-body',
      'full',
    ]) {
      assert.ok(!text.includes(word), `${word} in ${text}`);
    }
  });

  test('a listener that throws changes no verdict', async () => {
    const caught = [];
    const note = (error) => caught.push(error.message);
    const listener = () => {
      throw new Error('a listener');
    };
    // Node reports the error of a listener in a later turn.
    process.prependOnceListener('uncaughtException', note);
    const others = process.listeners('uncaughtException').filter((one) => one !== note && one.listener !== note);
    others.forEach((one) => process.off('uncaughtException', one));
    subscribe(`${PREFIX}validated`, listener);
    try {
      assert.ok(await alone(server).validateAccessToken(server.sign()));
      await eventually(() => caught.length > 0);
    } finally {
      unsubscribe(`${PREFIX}validated`, listener);
      others.forEach((one) => process.on('uncaughtException', one));
    }
    assert.deepEqual(caught, ['a listener']);
  });
});
