// Which audiences does a client accept, and which does a route accept? The answer is the same on every way that a token
// can take: as a JWT, remembered, from a cache, from the issuer, or through an overridden method.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { memoryCache } from '@monocloud/backend-node/cache';
import { protectApi } from '@monocloud/backend-node/web';

import { ANY_CLIENT, backend } from '../support/backend.mjs';
import { jsonCache, mapCache } from '../support/caches.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { JWKS, offline, signed } from '../support/offline.mjs';
import { environment } from '../support/options.mjs';

const BOTH = ['api-a', 'https://b.example.com/'];
const [A, B] = BOTH;
const MISMATCH = { name: 'MonoCloudTokenError', reason: 'audience_mismatch' };

let issuer;
before(async () => (issuer = await startIssuer()));
after(() => issuer.close());

const asked = () => issuer.counts['/introspect'] ?? 0;

/** Each way of a token: a client and a function that makes a token for an audience. */
const WAYS = {
  'a JWT': () => ({ client: offline({ audience: BOTH }), token: (aud) => signed({ aud }) }),
  'a JWT that is never remembered': () => ({
    client: offline({ audience: BOTH, verifiedTokenCacheSize: 0 }),
    token: (aud) => signed({ aud }),
  }),
  'a JWT of a client with a cache': () => ({
    client: offline({ audience: BOTH, cache: mapCache() }),
    token: (aud) => signed({ aud }),
  }),
  'an opaque token': () => ({ client: asking(), token: (aud) => issuer.opaque({ aud }) }),
  'an opaque token in memoryCache': () => ({
    client: asking({ cache: memoryCache() }),
    token: (aud) => issuer.opaque({ aud }),
  }),
  'an opaque token in another cache': () => ({
    client: asking({ cache: jsonCache() }),
    token: (aud) => issuer.opaque({ aud }),
  }),
  'a JWT through an overridden method': () => overridden('validateJwtAccessToken', (aud) => signed({ aud })),
  'an opaque token through an overridden method': () =>
    overridden('introspectAccessToken', (aud) => issuer.opaque({ aud })),
  'a token through an overridden validateAccessToken': () =>
    overridden('validateAccessToken', (aud) => signed({ aud })),
};

function asking(options) {
  return backend(issuer, { audience: BOTH, ...ANY_CLIENT, ...options });
}

/** A client whose method returns claims with the audience that the token was made for. */
function overridden(method, token) {
  const known = new Map();
  class Client extends MonoCloudBackendNodeClient {}
  Client.prototype[method] = async (given) => ({ aud: known.get(given), sub: 'me', exp: Date.now() / 1000 + 60 });
  const client = new Client({ tenantDomain: issuer.issuer, audience: BOTH, jwksResolver: () => JWKS, ...ANY_CLIENT });
  return {
    client,
    token(aud) {
      const made = token(aud);
      known.set(made, aud);
      return made;
    },
  };
}

describe('a route that accepts some of the audiences', () => {
  for (const [way, make] of Object.entries(WAYS)) {
    test(`${way}: it is accepted and refused by its audience, in any order and again`, async () => {
      const { client, token } = make();
      const protect = protectApi(client);
      const guards = { all: protect(), [A]: protect({ audience: [A] }), [B]: protect({ audience: [B] }) };
      const both = protect({ audience: [B, A] });
      const status = async (guard, given) => {
        const request = new Request('https://api.example.com/', { headers: { authorization: `Bearer ${given}` } });
        const result = await guard(request);
        return result instanceof Response ? [result.status, result.headers.get('www-authenticate')] : 200;
      };
      const refused = [401, 'Bearer error="invalid_token", error_description="Token was not issued for this audience"'];
      for (const [mine, other] of [
        [A, B],
        [B, A],
      ]) {
        const given = token(mine);
        for (let round = 0; round < 4; round += 1) {
          assert.deepEqual(await status(guards[other], given), refused, `round ${round}`);
          assert.equal(await status(guards[mine], given), 200);
          assert.equal(await status(guards.all, given), 200);
          assert.equal(await status(both, given), 200);
        }
      }
      const several = token(['x', B, A]);
      for (const guard of [guards[A], guards[B], guards.all]) assert.equal(await status(guard, several), 200);
      const foreign = token('api-c');
      for (const guard of [guards[A], guards.all]) assert.deepEqual(await status(guard, foreign), refused);
    });
  }

  for (const [name, cache] of [
    ['memoryCache', memoryCache],
    ['another cache', jsonCache],
  ]) {
    test(`that refuses an opaque token leaves its claims in ${name}`, async () => {
      const client = asking({ cache: cache() });
      const token = issuer.opaque({ aud: A });
      const before = asked();
      for (let round = 0; round < 3; round += 1) {
        await assert.rejects(client.validateAccessToken(token, { audience: [B] }), MISMATCH);
        assert.equal((await client.validateAccessToken(token, { audience: [A] })).aud, A);
      }
      assert.equal(asked() - before, 1);
      const foreign = issuer.opaque({ aud: 'api-c' });
      for (const audience of [[B], undefined]) {
        await assert.rejects(client.validateAccessToken(foreign, { audience }), MISMATCH);
      }
      assert.equal(asked() - before, 3, 'claims for another API are not cached');
    });
  }
});

describe('a call that accepts some of the audiences', () => {
  test('does so in every method', async () => {
    const client = asking();
    const [jwt, opaque] = [issuer.sign({ claims: { aud: A } }), issuer.opaque({ aud: A })];
    for (const [method, token] of [
      ['validateAccessToken', jwt],
      ['validateAccessToken', opaque],
      ['validateJwtAccessToken', jwt],
      ['introspectAccessToken', opaque],
    ]) {
      assert.equal((await client[method](token, { audience: [A] })).aud, A, method);
      assert.equal((await client[method](token)).aud, A, method);
      await assert.rejects(client[method](token, { audience: [B] }), MISMATCH, method);
    }
    const jwks = issuer.jwks;
    assert.equal((await client.validateJwtAccessToken(jwt, { audience: [A], jwks })).aud, A);
    await assert.rejects(client.validateJwtAccessToken(jwt, { audience: [B], jwks }), MISMATCH);
  });

  test('never uses the policy of a call with other audiences or other lists', async () => {
    const client = offline({ audience: ['a', 'b'] });
    const token = signed({ aud: 'a', scope: 'a', groups: ['a'] });
    for (const options of [{ scopes: ['a'] }, { groups: ['a'] }, { audience: ['a'] }, { audience: ['b', 'a'] }]) {
      assert.equal((await client.validateAccessToken(token, options)).aud, 'a', JSON.stringify(options));
    }
    await assert.rejects(client.validateAccessToken(token, { audience: ['b'] }), MISMATCH);
    await assert.rejects(client.validateAccessToken(token, { scopes: ['b'] }), { reason: 'scope_missing' });
  });
});

describe('audiences that the client does not have, or that are no list', () => {
  const client = offline({ audience: BOTH });
  const WRONG = {
    another: ['api-c'],
    'one more': [...BOTH, 'api-c'],
    empty: [],
    text: A,
    number: [1],
    joined: [BOTH.join(' ')],
  };
  for (const [what, audience] of Object.entries(WRONG)) {
    test(`${what}: throws argument_invalid from protect() and every method`, async () => {
      const wrong = { name: 'MonoCloudValidationError', reason: 'argument_invalid', message: /audience/ };
      assert.throws(() => protectApi(client)({ audience }), wrong);
      for (const method of ['validateAccessToken', 'validateJwtAccessToken', 'introspectAccessToken']) {
        // Twice: a policy of an earlier call must not be used.
        await assert.rejects(client[method](signed({ aud: A }), { audience }), wrong);
        await assert.rejects(client[method](signed({ aud: A }), { audience }), wrong);
      }
    });
  }

  test('a later change of the list changes nothing', async () => {
    const audience = [A];
    const guard = protectApi(client)({ audience });
    audience[0] = B;
    const authorization = `Bearer ${signed({ aud: A })}`;
    const result = await guard(new Request('https://x/', { headers: { authorization } }));
    assert.equal(result instanceof Response, false);
  });
});

describe('an introspection response without aud', () => {
  const ABSENT = { absent: undefined, null: null };
  for (const [what, aud] of Object.entries(ABSENT)) {
    for (const [name, cache] of [
      ['no cache', () => undefined],
      ['memoryCache', memoryCache],
      ['another cache', jsonCache],
    ]) {
      test(`${what}, ${name}: accepted with when_present, and refused otherwise or by a route with audiences`, async () => {
        const lenient = asking({ introspectionAudience: 'when_present', cache: cache() });
        const token = issuer.opaque({ aud });
        for (let round = 0; round < 3; round += 1) {
          await assert.rejects(lenient.validateAccessToken(token, { audience: [A] }), MISMATCH);
          assert.equal((await lenient.validateAccessToken(token)).sub, 'user-1');
          await assert.rejects(asking().validateAccessToken(token), MISMATCH);
        }
        for (const wrong of ['x', '', [], [A, 1], 7, {}]) {
          await assert.rejects(lenient.validateAccessToken(issuer.opaque({ aud: wrong })), MISMATCH);
        }
      });
    }
  }

  test('never lets in a JWT without aud that is validated here, whoever reads it', async () => {
    const lenient = { introspectionAudience: 'when_present', ...ANY_CLIENT };
    for (const aud of [undefined, null]) {
      const jwt = signed({ aud });
      await assert.rejects(offline(lenient).validateAccessToken(jwt), MISMATCH);
      class Client extends MonoCloudBackendNodeClient {
        async validateJwtAccessToken() {
          return { aud, sub: 'me', exp: Date.now() / 1000 + 60 };
        }
      }
      const options = { tenantDomain: 'https://issuer.example', audience: A, jwksResolver: () => JWKS, ...lenient };
      await assert.rejects(new Client(options).validateAccessToken(jwt), MISMATCH);
    }
  });

  test('a null member counts as absent, also in the cache', async () => {
    for (const cache of [memoryCache(), jsonCache()]) {
      const client = asking({ cache });
      const nulls = { iss: null, exp: null, nbf: null, iat: null, sub: null, cnf: null, scope: null, groups: null };
      const token = issuer.opaque({ aud: A, ...nulls });
      const before = asked();
      for (let round = 0; round < 3; round += 1) assert.equal((await client.validateAccessToken(token)).aud, A);
      assert.equal(asked() - before, 1);
      await assert.rejects(client.validateAccessToken(token, { validateCertificateBinding: true }), {
        reason: 'confirmation_missing',
      });
    }
  });
});

describe('several audiences', () => {
  test('come from one variable, separated by spaces', async (t) => {
    environment(t, { AUDIENCE: ` ${A}  ${B}\r\n`, TENANT_DOMAIN: 'https://issuer.example' });
    const client = new MonoCloudBackendNodeClient({ jwksResolver: () => JWKS });
    for (const aud of BOTH) assert.equal((await client.validateAccessToken(signed({ aud }))).aud, aud);
    await assert.rejects(client.validateAccessToken(signed({ aud: BOTH.join(' ') })), MISMATCH);
  });

  test('are one text in the context of a cache, so that another list has other entries', () => {
    const contexts = [];
    const cache = { ...mapCache(), scope: (context) => (contexts.push(context.audience), mapCache()) };
    for (const audience of [A, [A], BOTH, [B, A]]) assert.ok(asking({ audience, cache }));
    assert.deepEqual(contexts, [A, A, `${A} ${B}`, `${B} ${A}`]);
  });
});
