// What do `warmUp()` and `health()` report about an issuer, before and after traffic?

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { ANY_CLIENT } from '../support/backend.mjs';
import { hang, html, rewrite, status } from './bodies.mjs';
import { alone, startIssuerBehindProxy } from './issuers.mjs';
import { DISCOVERY } from './proxy.mjs';
import { eventually, rejection, within } from './waiting.mjs';

let server;
before(async () => {
  server = await startIssuerBehindProxy();
});
afterEach(() => {
  server.proxy.heal();
  server.proxy.counts = {};
});
after(() => server.close());

describe('warmUp', () => {
  test('fetches metadata and keys once, and the first token then costs no request', async () => {
    const client = alone(server);
    assert.equal(await client.warmUp(), undefined);
    assert.deepEqual(server.proxy.counts, { [DISCOVERY]: 1, '/jwks': 1 });
    await server.proxy.down();
    try {
      assert.ok(await client.validateAccessToken(server.sign()));
    } finally {
      await server.proxy.up();
    }
    await client.warmUp();
    assert.deepEqual(server.proxy.counts, { [DISCOVERY]: 1, '/jwks': 1 });
  });

  test('called by many at once, with tokens beside, makes one request for each document', async () => {
    const client = alone(server);
    const token = server.sign();
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 ? client.warmUp() : client.validateAccessToken(token))),
    );
    assert.deepEqual(server.proxy.counts, { [DISCOVERY]: 1, '/jwks': 1 });
  });

  for (const [what, path, fault, name, reason] of [
    ['metadata that is down', DISCOVERY, status(503), 'MonoCloudHttpError', 'unexpected_status'],
    ['metadata that is a page', DISCOVERY, html(), 'MonoCloudHttpError', 'body_invalid'],
    [
      'metadata of another issuer',
      DISCOVERY,
      rewrite((all) => ({ ...all, issuer: 'https://elsewhere.example' })),
      'MonoCloudValidationError',
      'metadata_issuer_mismatch',
    ],
    ['keys that are down', '/jwks', status(500), 'MonoCloudHttpError', 'unexpected_status'],
    ['no key at all', '/jwks', rewrite(() => ({ keys: [] })), 'MonoCloudHttpError', 'keys_empty'],
  ]) {
    test(`rejects for ${what}, and a later one succeeds`, async () => {
      server.proxy.fault(path, fault);
      const client = alone(server);
      const error = await rejection(client.warmUp());
      assert.deepEqual([error.name, error.reason], [name, reason]);
      assert.equal(client.health().ready, false);
      server.proxy.heal();
      await eventually(() =>
        client.warmUp().then(
          () => true,
          () => false,
        ),
      );
      assert.equal(client.health().ready, true);
    });
  }

  test('ends with the deadline when the issuer hangs', async () => {
    server.proxy.fault(DISCOVERY, hang());
    const error = await rejection(within(15_000, alone(server, { responseTimeout: 1000 }).warmUp()));
    assert.deepEqual([error.name, error.reason], ['MonoCloudHttpError', 'timed_out']);
  });

  test('with a resolver for the keys asks no issuer', async () => {
    const client = alone(server, { jwksResolver: async () => server.behind.jwks });
    await client.warmUp();
    assert.ok(await client.validateAccessToken(server.sign()));
    assert.deepEqual(server.proxy.counts, {});
  });
});

describe('health', () => {
  test('of a client that did nothing is not ready and knows no age', () => {
    const { ready, metadata, keys, introspection, rememberedTokens } = alone(server).health();
    assert.deepEqual(
      [ready, metadata.age, keys.age, keys.count, keys.nextRefresh],
      [false, undefined, undefined, 0, undefined],
    );
    assert.deepEqual(introspection, { failures: 0, lastError: undefined, suspended: false, inFlight: 0, queued: 0 });
    assert.equal(rememberedTokens, 0);
    assert.deepEqual(server.proxy.counts, {});
  });

  test('after a token has ages in seconds, a refresh ahead of the duration, and the sizes', async () => {
    const client = alone(server, { jwksCacheDuration: 1000, metadataCacheDuration: 2000 });
    const token = server.sign();
    // Twice: a token is stored when it is verified for the second time.
    await client.validateAccessToken(token);
    await client.validateAccessToken(token);
    const { ready, metadata, keys, rememberedTokens } = client.health();
    assert.equal(ready, true);
    assert.ok(keys.age >= 0 && keys.age < 60 && metadata.age >= keys.age, `${keys.age}, ${metadata.age}`);
    // 80 % of the duration, with jitter, minus the time that has passed.
    assert.ok(keys.nextRefresh > 600 && keys.nextRefresh <= 800, `${keys.nextRefresh}`);
    assert.ok(metadata.nextRefresh > 1300 && metadata.nextRefresh <= 1600, `${metadata.nextRefresh}`);
    assert.deepEqual([keys.count, rememberedTokens], [server.behind.jwks.keys.length, 1]);
    assert.deepEqual([keys.lastError, metadata.lastError], [undefined, undefined]);
  });

  test('during an outage stays ready, names the last error and the next attempt, and forgets them after it', async () => {
    const client = alone(server);
    await client.warmUp();
    server.proxy.fault('/jwks', status(500));
    await rejection(client.getJwks(true));
    const { ready, keys } = client.health();
    assert.deepEqual([ready, keys.lastError], [true, 'unexpected_status']);
    assert.ok(keys.nextRefresh <= 1.2, `${keys.nextRefresh}`);
    server.proxy.heal();
    await client.getJwks(true);
    assert.equal(client.health().keys.lastError, undefined);
  });

  test('counts introspections failed in a row', async () => {
    const client = alone(server, ANY_CLIENT);
    const token = server.opaque();
    await client.validateAccessToken(token);
    server.proxy.fault('/introspect', status(502));
    for (let count = 1; count <= 3; count += 1) {
      await rejection(client.validateAccessToken(token));
      const { failures, lastError } = client.health().introspection;
      assert.deepEqual([failures, lastError], [count, 'unexpected_status']);
    }
  });

  test('holds numbers and words, no token, no secret and no claim', async () => {
    const client = alone(server, { clientId: 'api', clientSecret: 'a-secret-of-the-client' });
    const [jwt, opaque] = [server.sign({ claims: { sub: 'a-subject' } }), server.opaque({ sub: 'a-subject' })];
    await Promise.all([client.validateAccessToken(jwt), client.validateAccessToken(opaque)]);
    const text = JSON.stringify(client.health());
    for (const word of [jwt, opaque, jwt.split('.')[2], 'a-secret-of-the-client', 'a-subject', server.issuer]) {
      assert.ok(!text.includes(word), text);
    }
  });
});
