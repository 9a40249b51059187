// Was the user authenticated strongly and recently enough for this call (RFC 9470)? The same on every path: a new
// token, a remembered one, a cached one, an introspected one, and the claims of an overridden method.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { memoryCache } from '@monocloud/backend-node/cache';

import { startAuthorizationServer, unsupported } from '../support/authorization-server.mjs';
import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { mapCache } from '../support/caches.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { ISSUER, JWKS, offline, signed } from '../support/offline.mjs';

const refused = (reason) => failure('MonoCloudTokenError', reason, { code: 'insufficient_user_authentication' });
const now = () => Math.floor(Date.now() / 1000);

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

/** Every way to get a token to the client, with the methods that validate it. */
const WAYS = {
  'a new JWT': () => ({ client: offline(), make: signed }),
  "a JWT with the caller's keys": () => {
    const client = offline();
    return {
      client: {
        validateAccessToken: (token, options) => client.validateJwtAccessToken(token, { ...options, jwks: JWKS }),
      },
      make: signed,
    };
  },
  'an opaque token': () => ({ client: backend(issuer, ANY_CLIENT), make: (claims) => issuer.opaque(claims) }),
  'an introspected token': () => {
    const client = backend(issuer, ANY_CLIENT);
    return {
      client: { validateAccessToken: (token, options) => client.introspectAccessToken(token, options) },
      make: (claims) => issuer.opaque(claims),
    };
  },
  'claims of an overridden method': () => {
    class Own extends MonoCloudBackendNodeClient {
      validateJwtAccessToken(token) {
        return MonoCloudBackendNodeClient.decodeJwt(token);
      }
    }
    return { client: new Own({ tenantDomain: ISSUER, audience: AUDIENCE, jwksResolver: () => JWKS }), make: signed };
  },
};

for (const [way, start] of Object.entries(WAYS)) {
  describe(way, () => {
    test('with one of the required acr values is accepted, and with another or none is refused', async () => {
      const { client, make } = start();
      const acr = ['gold', 'silver'];
      assert.equal((await client.validateAccessToken(make({ acr: 'silver' }), { acr })).acr, 'silver');
      for (const other of ['bronze', 'Gold', 'gold silver', '', 7, ['gold'], null, undefined]) {
        await assert.rejects(client.validateAccessToken(make({ acr: other }), { acr }), refused('acr_missing'));
      }
    });

    test('of a user who signed in maxAge seconds ago is accepted, and a second earlier is refused', async (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: now() * 1000 });
      const { client, make } = start();
      const validate = (auth_time) => client.validateAccessToken(make({ auth_time }), { maxAge: 60 });
      assert.ok(await validate(now() - 60));
      await assert.rejects(validate(now() - 61), refused('authentication_too_old'));
      assert.ok(await validate(now() + 300), 'ahead by exactly clockTolerance');
      for (const invalid of [now() + 301, String(now()), null, undefined]) {
        await assert.rejects(validate(invalid), refused('auth_time_invalid'));
      }
    });

    test('is accepted by a call that requires neither, whatever acr and auth_time are', async () => {
      const { client, make } = start();
      for (const value of [undefined, null, 7, '7', [1], { a: 1 }, -1, 4e9]) {
        assert.ok(await client.validateAccessToken(make({ acr: value, auth_time: value })));
      }
    });
  });
}

/** Tokens that a client keeps, and how to make it keep them. */
const KEPT = {
  'a remembered JWT': () => ({ client: offline(), make: signed, uses: 4 }),
  'a JWT in a memoryCache': () => ({ client: offline({ cache: memoryCache() }), make: signed, uses: 4 }),
  "a JWT in a user's cache": () => ({ client: offline({ cache: mapCache() }), make: signed, uses: 4 }),
  'an opaque token in a memoryCache': () => opaque(memoryCache()),
  "an opaque token in a user's cache": () => opaque(mapCache()),
};

function opaque(cache) {
  return { client: backend(issuer, { ...ANY_CLIENT, cache }), make: (claims) => issuer.opaque(claims), uses: 4 };
}

for (const [kind, start] of Object.entries(KEPT)) {
  describe(kind, () => {
    test('ages past maxAge between two calls, and stays valid for a call that requires less', async (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: now() * 1000 });
      const { client, make, uses } = start();
      const token = make({ acr: 'gold', auth_time: now(), exp: now() + 3600 });
      for (let i = 0; i < uses; i += 1) {
        assert.ok(await client.validateAccessToken(token, { acr: ['gold'], maxAge: 60 }));
      }
      issuer.resetCounts();
      t.mock.timers.tick(60_000);
      assert.ok(await client.validateAccessToken(token, { maxAge: 60 }));
      t.mock.timers.tick(1000);
      await assert.rejects(client.validateAccessToken(token, { maxAge: 60 }), refused('authentication_too_old'));
      await assert.rejects(client.validateAccessToken(token, { acr: ['tin'] }), refused('acr_missing'));
      assert.ok(await client.validateAccessToken(token, { maxAge: 61, acr: ['gold'] }));
      assert.ok(await client.validateAccessToken(token));
      assert.equal(issuer.counts['/introspect'] ?? 0, 0, 'the token was not introspected again');
    });
  });
}

test('the first failure is the binding, then acr, auth_time, scopes and groups', async () => {
  const client = offline();
  const all = { validateCertificateBinding: true, acr: ['gold'], maxAge: 60, scopes: ['a'], groups: ['g'] };
  const reasonOf = (claims, options) =>
    client.validateAccessToken(signed(claims), options).catch(({ reason }) => reason);
  const { validateCertificateBinding, ...unbound } = all;
  assert.equal(await reasonOf({}, { validateCertificateBinding, ...unbound }), 'confirmation_missing');
  assert.equal(await reasonOf({}, unbound), 'acr_missing');
  assert.equal(await reasonOf({ acr: 'gold' }, unbound), 'auth_time_invalid');
  assert.equal(await reasonOf({ acr: 'gold', auth_time: 1 }, unbound), 'authentication_too_old');
  assert.equal(await reasonOf({ acr: 'gold', auth_time: now() }, unbound), 'scope_missing');
  assert.equal(await reasonOf({ acr: 'gold', auth_time: now(), scope: 'a' }, unbound), 'group_missing');
});

test('an error does not show whether scopes are missing too', async () => {
  const client = offline();
  const errorOf = (scopes) => client.validateAccessToken(signed(), { acr: ['gold'], scopes }).catch((error) => error);
  const [alone, withScopes] = [await errorOf([]), await errorOf(['a'])];
  assert.deepEqual({ ...withScopes }, { ...alone });
  assert.deepEqual(Object.keys(withScopes), Object.keys(alone));
  assert.equal(withScopes.message, 'A different authentication level is required');
});

test('acr is a list of 1 to 20 values that need no escape in a header', async () => {
  const client = offline();
  const validate = (acr) => client.validateAccessToken(signed({ acr: '~' }), { acr });
  const invalid = failure('MonoCloudValidationError', 'argument_invalid');
  for (const wrong of [
    [],
    [''],
    ['a b'],
    ['a"b'],
    ['a\\b'],
    ['a\tb'],
    ['a\r\nb'],
    ['ü'],
    ['\ud800'],
    [1],
    [null],
    [undefined],
    'gold',
    {},
    7,
    true,
    [['gold']],
    Array(1),
    ['x'.repeat(257)],
    Array(21).fill('x'),
    new Set(['gold']),
  ]) {
    await assert.rejects(validate(wrong), invalid, JSON.stringify(wrong));
  }
  const most = [...Array.from({ length: 18 }, (_, i) => `x${i}`), 'x'.repeat(256), '~'];
  for (const good of [['~'], most, null, undefined]) assert.ok(await validate(good));
});

test('a later change of the caller’s array changes nothing', async () => {
  const acr = ['gold'];
  const client = offline();
  const pending = client.validateAccessToken(signed({ acr: 'tin' }), { acr });
  acr[0] = 'tin';
  await assert.rejects(pending, refused('acr_missing'));
});

test('maxAge is a whole number of seconds from 1 to one year', async () => {
  const client = offline();
  const validate = (maxAge) => client.validateAccessToken(signed({ auth_time: now() }), { maxAge });
  const invalid = failure('MonoCloudValidationError', 'argument_invalid');
  for (const wrong of [0, -1, 0.5, 60.5, 31_536_001, Infinity, NaN, '60', true, {}, [60], 60n]) {
    await assert.rejects(validate(wrong), invalid, String(wrong));
  }
  for (const good of [1, 31_536_000, null, undefined]) assert.ok(await validate(good));
});

test('calls that differ only in acr or maxAge never share a policy', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: now() * 1000 });
  const client = offline();
  const token = signed({ acr: 'a', auth_time: now() - 50, scope: '1:a' });
  const cases = [
    [{ acr: ['a'] }],
    [{ acr: ['b'] }, 'acr_missing'],
    [{ acr: ['b', 'a'] }],
    [{ maxAge: 50 }],
    [{ maxAge: 49 }, 'authentication_too_old'],
    [{ scopes: ['1:a'] }],
    [{ groups: ['a'] }, 'group_missing'],
    [{ scopes: ['a'] }, 'scope_missing'],
    [{ acr: ['1:a'] }, 'acr_missing'],
    [{}],
  ];
  for (const [options, reason] of [...cases, ...(cases.toReversed?.() ?? cases)]) {
    const outcome = await client.validateAccessToken(token, options).then(
      () => undefined,
      (error) => error.reason,
    );
    assert.equal(outcome, reason, JSON.stringify(options));
  }
});

test('clockSkew makes a sign-in older, and clockTolerance does not make it newer', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: now() * 1000 });
  const token = signed({ auth_time: now() - 60 });
  assert.ok(await offline({ clockTolerance: 0 }).validateAccessToken(token, { maxAge: 60 }));
  const skewed = offline({ clockSkew: 1, clockTolerance: 300 });
  await assert.rejects(skewed.validateAccessToken(token, { maxAge: 60 }), refused('authentication_too_old'));
});

test(
  'tokens of oidc-provider with acr and auth_time are accepted as JWTs and by introspection',
  { skip: unsupported },
  async () => {
    const claims = { acr: 'urn:example:mfa', auth_time: now() - 30 };
    const server = await startAuthorizationServer({ tokenClaims: claims });
    try {
      for (const resource of [undefined, 'opaque']) {
        const audience = resource === undefined ? AUDIENCE : 'https://opaque.example.com';
        const client = backend(server, { as: 'post', audience });
        const token = await server.obtainToken({ resource: audience });
        const validate = (options) => client.validateAccessToken(token, options);
        assert.equal((await validate({ acr: ['urn:example:mfa'], maxAge: 600 })).acr, 'urn:example:mfa');
        await assert.rejects(validate({ acr: ['urn:example:hardware'] }), refused('acr_missing'));
        await assert.rejects(validate({ maxAge: 29 }), refused('authentication_too_old'));
      }
    } finally {
      await server.close();
    }
  },
);
