// What can an attacker do who writes to the cache, and what does a broken cache do?
//
// A JWT is safe: the engine compares an entry with the JWT's own claims. An opaque token has only its entry, so
// whoever writes entries is trusted within the rules (docs/threat-model.md). An entry that breaks a rule is deleted,
// and the issuer is asked.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { redisCache } from '../../npm/cache.mjs';
import { obtained } from '../support/caches.mjs';
import { createPki } from '../support/pki.mjs';
import { CREDENTIALS, fakeRedis, mapCache } from './caches.mjs';
import { assertRefused, AUDIENCE, startTarget } from './refused.mjs';

let target;
let certificates;
before(async () => {
  target = await startTarget(CREDENTIALS);
  const pki = await createPki();
  certificates = await Promise.all(['a', 'b'].map((commonName) => pki.client({ commonName })));
});
after(() => target.close());

describe('poisoned entries', () => {
  const opaque = () => target.issuer.opaque();
  const jwt = () => target.issuer.sign();
  const stale = () => ({ ...target.issuer.claims({ exp: 1, poison: true }) });
  const cyclic = () => {
    const entry = target.issuer.claims({ poison: true });
    entry.self = entry;
    return entry;
  };
  /** The entry that a client would write for this token. */
  const planted = (entry, token) => {
    if (typeof entry !== 'object' || entry === null) return entry;
    return Object.assign(
      entry,
      obtained(target.issuer.issuer, { by: token.includes('.') ? 'validation' : 'introspection' }),
    );
  };
  const poison = (changes) => () => target.issuer.claims({ poison: true, ...changes });

  const useless = {
    'a string': () => JSON.stringify(target.issuer.claims({ poison: true })),
    'a number': () => 1,
    true: () => true,
    'an array': () => [target.issuer.claims({ poison: true })],
    empty: () => ({}),
    'a function': () => () => target.issuer.claims(),
    expired: stale,
    'not valid yet': poison({ nbf: 9_999_999_999 }),
    'of another issuer': poison({ iss: 'https://evil.example' }),
    'of another audience': poison({ aud: 'https://evil.example' }),
    'without audience': poison({ aud: undefined }),
    'with exp as text': poison({ exp: '9999999999' }),
    'with exp Infinity': poison({ exp: Infinity }),
    'with a sub that is an object': poison({ sub: {} }),
    'of two that are inherited': () => Object.create(target.issuer.claims({ poison: true })),
    'in a circle': cyclic,
    'that throws when it is read': () => ({
      get iss() {
        throw new Error('poison');
      },
    }),
    'that throws in toJSON': () => ({
      toJSON() {
        throw new Error('poison');
      },
    }),
    'whose toJSON is another thing': () => ({ toJSON: () => 'poison' }),
    'with a BigInt': poison({ exp: 9_999_999_999n }),
    'nested too deeply': () => poison({ x: JSON.parse('['.repeat(500) + ']'.repeat(500)) })(),
  };
  for (const [what, entry] of Object.entries(useless)) {
    for (const [kind, make] of [
      ['a JWT', jwt],
      ['an opaque token', opaque],
    ]) {
      test(`an entry that is ${what} is no answer for ${kind}: it is validated anew`, async () => {
        const token = make();
        const cache = mapCache();
        cache.entries.set(token, planted(entry(), token));
        const claims = await target.clientWith({ cache }).validateAccessToken(token);
        assert.equal(claims.sub, 'user-1');
        assert.equal(claims.poison, undefined);
      });
    }
  }

  test('a JWT with a forged signature is refused, whatever was planted for it', async () => {
    const [head, , signature] = target.issuer.sign().split('.');
    const claims = target.issuer.claims({ sub: 'admin', scope: 'everything' });
    const token = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
    const cache = mapCache();
    const client = target.clientWith({ cache });
    for (let round = 0; round < 2; round += 1) {
      cache.entries.set(token, planted({ ...claims }, token));
      await assertRefused(() => client.validateAccessToken(token), { token, reason: 'signature_invalid' });
    }
  });

  for (const active of [false, 'true', 'no', 0, 1, null, {}]) {
    test(`an entry whose active is ${JSON.stringify(active)}, without exp, never opens a route (RFC 7662 §2.2)`, async () => {
      const token = target.issuer.opaque();
      target.issuer.revoke(token);
      const cache = mapCache();
      cache.entries.set(token, planted({ active, aud: AUDIENCE, iss: target.issuer.issuer }, token));
      const client = target.clientWith({ cache });
      await assertRefused(() => client.validateAccessToken(token), {
        token,
        reason: 'inactive',
        code: 'inactive_token',
      });
    });
  }

  test('an inactive verdict that was planted does not lock out a JWT the engine can decide', async () => {
    const token = jwt();
    const cache = mapCache();
    cache.entries.set(token, planted({ active: false, exp: 9_999_999_999 }, token));
    assert.equal((await target.clientWith({ cache }).validateAccessToken(token)).sub, 'user-1');
  });

  for (const [what, changes] of Object.entries({
    'with more scopes': { scope: 'data:read admin' },
    'with another subject': { sub: 'admin' },
    'with more groups': { groups: ['admin'] },
    'that lives longer': { exp: 9_999_999_999 },
    'without exp': { exp: undefined },
    'without its binding': { cnf: undefined },
    'with its binding spoilt': { cnf: { 'x5t#S256': 1 } },
  })) {
    test(`an entry ${what} than its JWT says is not used`, async () => {
      const [a, b] = certificates;
      const claims = target.issuer.claims({ cnf: { 'x5t#S256': a.thumbprint } });
      const token = target.issuer.sign({ claims });
      const cache = mapCache();
      cache.entries.set(token, planted({ ...claims, ...changes }, token));
      const client = target.clientWith({ cache });
      assert.deepEqual(await client.validateAccessToken(token, { clientCertificate: a.cert }), claims);
      cache.entries.set(token, planted({ ...claims, ...changes }, token));
      const withB = () => client.validateAccessToken(token, { clientCertificate: b.cert, scopes: ['admin'] });
      await assertRefused(withB, { token, reason: 'certificate_mismatch' });
    });
  }

  test('a cnf of an opaque token that was altered in the cache is never accepted', async () => {
    const [a] = certificates;
    for (const cnf of [null, 'x', { 'x5t#S256': 1 }, []]) {
      const token = target.issuer.opaque({ cnf: { 'x5t#S256': a.thumbprint } });
      const cache = mapCache();
      cache.entries.set(token, planted(target.issuer.claims({ cnf }), token));
      const client = target.clientWith({ cache });
      await assert.rejects(client.validateAccessToken(token, { clientCertificate: a.cert }), {
        reason: 'confirmation_invalid',
      });
    }
  });

  test('a Redis entry that was copied under another key is another token’s', async () => {
    const redis = fakeRedis();
    const client = target.clientWith({ cache: redisCache(redis) });
    const [good, revoked] = [target.issuer.opaque({ sub: 'admin' }), target.issuer.opaque()];
    await client.validateAccessToken(revoked);
    const [revokedKey] = redis.keys.keys();
    await client.validateAccessToken(good);
    const [, goodKey] = redis.keys.keys();
    redis.keys.set(revokedKey, redis.keys.get(goodKey));
    target.issuer.revoke(revoked);
    await assertRefused(() => client.validateAccessToken(revoked), {
      token: revoked,
      reason: 'inactive',
      code: 'inactive_token',
    });
  });

  test('no raw token is in a Redis entry, nor in its key', async () => {
    const redis = fakeRedis();
    const client = target.clientWith({ cache: redisCache(redis) });
    const tokens = [jwt(), opaque()];
    for (const token of tokens) await client.validateAccessToken(token);
    const all = JSON.stringify([...redis.keys]);
    assert.equal(redis.keys.size, 2);
    for (const part of tokens.flatMap((token) => token.split('.'))) assert.ok(!all.includes(part));
  });
});
