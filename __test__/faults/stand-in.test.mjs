// With a shared cache: which tokens does a process accept that starts while the issuer is down?
//
// A cached JWT is accepted without verification only in a process that has never had keys. With keys, the engine
// decides and the cache does not matter.

import assert from 'node:assert/strict';
import { afterEach, before, after, describe, test } from 'node:test';

import { memoryCache } from '@monocloud/backend-node/cache';

import { mapCache } from '../support/caches.mjs';
import { hang } from './bodies.mjs';
import { alone, startIssuerBehindProxy } from './issuers.mjs';
import { DISCOVERY } from './proxy.mjs';
import { eventually, within } from './waiting.mjs';

/** Far below the deadline of an exchange, which is 30 seconds here. */
const SOON_MS = 15_000;

let server;
before(async () => {
  server = await startIssuerBehindProxy();
});
afterEach(async () => {
  server.proxy.heal();
  await server.proxy.down();
  await server.proxy.up();
});
after(() => server.close());

/** A cache that received `token` before the outage. */
async function filled(cache, token) {
  await alone(server, { cache }).validateAccessToken(token);
  return cache;
}

for (const [name, newCache] of [
  ["a user's cache", mapCache],
  ['memoryCache()', memoryCache],
]) {
  describe(`a token in ${name}, for a process that starts while the issuer is away`, () => {
    test('is accepted, and the route’s requirements still apply', async () => {
      const token = server.sign();
      const client = alone(server, { cache: await filled(newCache(), token) });
      await server.proxy.down();
      for (let round = 0; round < 3; round += 1) {
        assert.equal((await client.validateAccessToken(token)).sub, 'user-1');
        await assert.rejects(client.validateAccessToken(token, { scopes: ['data:write'] }), {
          reason: 'scope_missing',
        });
        await assert.rejects(client.validateAccessToken(token, { validateCertificateBinding: true }), {
          reason: 'confirmation_missing',
        });
      }
    });

    test('does not wait for an issuer that hangs', async () => {
      const token = server.sign();
      const client = alone(server, { cache: await filled(newCache(), token) });
      server.proxy.fault(DISCOVERY, hang());
      assert.equal((await within(SOON_MS, client.validateAccessToken(token))).sub, 'user-1');
    });

    test('is accepted for all who ask at once while the issuer hangs, not only for the first', async () => {
      const token = server.sign();
      const client = alone(server, { cache: await filled(newCache(), token) });
      server.proxy.fault(DISCOVERY, hang());
      const all = Array.from({ length: 20 }, () => client.validateAccessToken(token));
      const claims = await within(SOON_MS, Promise.all(all));
      assert.ok(claims.every(({ sub }) => sub === 'user-1'));
    });

    test('accepts no other token, and not itself after it has expired', async (t) => {
      const token = server.sign();
      const client = alone(server, { cache: await filled(newCache(), token), clockTolerance: 0 });
      await server.proxy.down();
      const other = server.sign({ claims: { sub: 'user-2' } });
      await assert.rejects(client.validateAccessToken(other), {
        name: 'MonoCloudHttpError',
        reason: 'connection_refused',
      });
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 48 * 3600 * 1000 });
      await assert.rejects(client.validateAccessToken(token), { name: 'MonoCloudHttpError' });
    });

    test('is decided by the engine as soon as there are keys', async () => {
      const token = server.sign();
      const client = alone(server, { cache: await filled(newCache(), token) });
      await server.proxy.down();
      await client.validateAccessToken(token);
      await server.proxy.up();
      await server.behind.rotate();
      await eventually(() =>
        client.getJwks(true).then(
          () => true,
          () => false,
        ),
      );
      await assert.rejects(client.validateAccessToken(token), { reason: 'key_not_found' });
    });

    test('is no substitute for keys that came and grew too old', async () => {
      const token = server.sign();
      const cache = await filled(newCache(), token);
      const client = alone(server, { cache, jwksCacheDuration: 0, jwksMaxStale: 0 });
      await client.warmUp();
      await server.proxy.down();
      // For the first second the keys are not too old.
      await eventually(() => !client.health().ready);
      await assert.rejects(client.validateAccessToken(token), { name: 'MonoCloudHttpError' });
    });
  });
}
