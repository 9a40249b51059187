// Which claims rules, lists and alternatives may a route or a call name, and what do they cost a caller?
//
// policies.test.mjs tests which tokens meet them.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { memoryCache } from '@monocloud/backend-node/cache';
import { protectApi } from '@monocloud/backend-node/web';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { mapCache } from '../support/caches.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { ISSUER, AUDIENCE, JWKS, offline, signed, signedText } from '../support/offline.mjs';

const require = createRequire(import.meta.url);
const { Responses } = require('../../npm/protect/response.js');

const URL = 'https://api.example.com/';
const requested = (token) => new Request(URL, { headers: { authorization: `Bearer ${token}` } });
const refusal = (pattern) => (error) => error.reason === 'argument_invalid' && pattern.test(error.message);

describe('claims rules', () => {
  const cyclic = {};
  cyclic.in = [cyclic];
  class OfClass {
    in = ['a'];
  }
  const throwing = Object.defineProperty({}, 'in', { enumerable: true, get: () => assert.fail('canary') });
  const sparse = { in: ['a', , 'b'] }; // oxlint-disable-line no-sparse-arrays -- the hole is the test
  const WRONG = [
    undefined, NaN, Infinity, -Infinity, 1n, Symbol('a'), () => 'a', new Date(0), new Map(), /a/, new OfClass(),
    [], ['a'], {}, { in: [] }, { contains: [] }, { in: 'a' }, { in: null }, { in: undefined }, { in: [undefined] },
    { in: [NaN] }, { in: [['a']] }, { in: [{}] }, { contains: 1 }, { contains: [1] }, { contains: null },
    { contains: [null] }, { in: ['a'], contains: 'a' }, { in: ['a'], other: 1 }, { equals: 'a' }, { In: ['a'] },
    '\ud800', { in: ['\udc00'] }, { contains: 'a\ud83d' }, { in: Array(1001).fill(1) }, cyclic, throwing, sparse,
    new Proxy({}, { ownKeys: () => assert.fail('canary') }),
  ]; // prettier-ignore

  test('that could mean nothing, or two things, throw at once', async () => {
    const client = offline();
    for (const wrong of WRONG) {
      assert.throws(() => protectApi(client)({ claims: { c: wrong } }), refusal(/^protect\(\): claims must /));
      const call = client.validateAccessToken(signed(), { claims: { c: wrong } });
      await assert.rejects(call, refusal(/^validateAccessToken\(\): claims must /));
    }
    for (const wrong of ['a', 1, true, [], ['a'], new Map(), new OfClass()]) {
      assert.throws(() => protectApi(client)({ claims: wrong }), refusal(/^protect\(\): claims must be an object/));
    }
  });

  test('may not name a claim that has a rule already, and the message says so', () => {
    const protect = protectApi(offline());
    for (const name of ['iss', 'aud', 'exp', 'nbf', 'iat', 'cnf', 'active']) {
      assert.throws(() => protect({ claims: { [name]: 'a' } }), refusal(/must not name iss, aud, exp, nbf, iat, cnf/));
    }
    for (const name of ['sub', 'scope', 'Iss', 'constructor', ''])
      assert.ok(protect({ claims: { [name]: 'a' } }), name);
  });

  test('are at most 50 with 1,000 values', () => {
    const protect = protectApi(offline());
    const rules = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, 'a']));
    assert.ok(protect({ claims: rules(50) }));
    assert.throws(() => protect({ claims: rules(51) }), refusal(/at most 50 rules and 1000 values/));
    assert.ok(protect({ claims: { c: { in: Array(1000).fill('a') } } }));
    assert.throws(() => protect({ claims: { c: { contains: Array(1001).fill('a') } } }), refusal(/1000 values/));
    assert.throws(() => protect({ claims: { c: 'a'.repeat(65_536) } }), refusal(/65536 bytes/));
  });

  test('are read once, from own members, so that neither a later change nor a polluted prototype counts', async () => {
    const claims = { tenant: 'acme', level: { in: [1] } };
    const guard = protectApi(offline())({ claims });
    claims.tenant = 'other';
    claims.level.in.push(2);
    const statusOf = async (members) => (await guard(requested(signed(members)))).status;
    assert.equal(await statusOf({ tenant: 'acme', level: 1 }), undefined);
    assert.equal(await statusOf({ tenant: 'other', level: 1 }), 403);
    assert.equal(await statusOf({ tenant: 'acme', level: 2 }), 403);
    const inherited = protectApi(offline())({ claims: Object.create(null) });
    assert.equal((await inherited(requested(signed()))).status, undefined);
    Object.defineProperty(Object.prototype, 'contains', { value: 'x', configurable: true });
    try {
      const polluted = protectApi(offline())({ claims: { tenant: { in: ['acme'] } } });
      assert.equal((await polluted(requested(signed({ tenant: 'acme' })))).status, undefined);
    } finally {
      delete Object.prototype.contains;
    }
  });

  test('see the own claim __proto__ of a token, and a name like constructor is absent without one', async () => {
    const client = offline();
    const own = JSON.parse('{"__proto__":"a"}');
    assert.ok(await client.validateAccessToken(signedText(withMember('"__proto__":"a"')), { claims: own }));
    for (const claims of [own, { constructor: { in: ['a', null] } }]) {
      await assert.rejects(client.validateAccessToken(signed(), { claims }), { reason: 'claim_mismatch' });
    }
  });
});

test('an empty anyScopes throws, and an absent one requires nothing', async () => {
  const client = offline();
  assert.throws(() => protectApi(client)({ anyScopes: [] }), refusal(/anyScopes must name at least one scope/));
  for (const anyScopes of ['a', [1], {}, Array(1001).fill('a')]) {
    assert.throws(() => protectApi(client)({ anyScopes }), refusal(/anyScopes/));
  }
  for (const anyScopes of [undefined, null]) assert.ok(await client.validateAccessToken(signed(), { anyScopes }));
  const lists = { groups: [], permissions: [], roles: [], claims: {} };
  assert.ok(await client.validateAccessToken(signed(), lists));
});

describe('a refused token', () => {
  const COLUMNS = [
    [{ groups: ['g'] }, 'insufficient_groups', 'group_missing'],
    [{ permissions: ['p'] }, 'insufficient_permissions', 'permission_missing'],
    [{ roles: ['r'] }, 'insufficient_permissions', 'role_missing'],
    [{ claims: { tenant: 'acme' } }, 'insufficient_claims', 'claim_mismatch'],
  ];

  for (const [required, code, reason] of COLUMNS) {
    test(`with ${reason} has the code ${code}, and the response is a 403 that names no scope`, async () => {
      const client = offline();
      const token = signed({ scope: 'a' });
      for (let round = 1; round <= 4; round += 1) {
        await assert.rejects(
          client.validateAccessToken(token, required),
          failure('MonoCloudTokenError', reason, { code }),
        );
        const response = await protectApi(client)({ scopes: ['a'], ...required })(requested(token));
        assert.equal(response.status, 403);
        assert.equal(response.headers.get('www-authenticate'), 'Bearer error="insufficient_scope"');
      }
    });
  }

  test('is refused for its scopes first, then groups, permissions, roles and claims', async () => {
    const required = Object.assign({ scopes: ['s'] }, ...COLUMNS.map(([one]) => one));
    const steps = [{}, { scope: 's' }, { groups: ['g'] }, { permissions: ['p'] }, { roles: ['r'] }, { tenant: 'acme' }];
    const reasons = [];
    const claims = { scope: 'x' };
    for (const step of steps) {
      const call = offline().validateAccessToken(signed(Object.assign(claims, step)), required);
      reasons.push(
        await call.then(
          () => 'ok',
          (error) => error.reason,
        ),
      );
    }
    assert.deepEqual(reasons, ['scope_missing', ...COLUMNS.map(([, , reason]) => reason), 'ok']);
  });

  test('is told all scopes, and the first one of anyScopes', async () => {
    const scopeOf = async (required, options) => {
      const response = await protectApi(offline(), options)(required)(requested(signed({ scope: 'x' })));
      return /scope="([^"]*)"/.exec(response.headers.get('www-authenticate'))?.[1];
    };
    assert.equal(await scopeOf({ scopes: ['a', 'b'], anyScopes: ['c', 'd'] }), 'a b c');
    assert.equal(await scopeOf({ anyScopes: ['d', 'c'] }), 'd');
    assert.equal(await scopeOf({ scopes: ['a'], anyScopes: ['a', 'c'] }), 'a');
    const step = new Responses().to(
      Object.assign(new Error('x'), {
        name: 'MonoCloudTokenError',
        code: 'insufficient_user_authentication',
        lacksScopes: true,
      }),
      { scopes: ['a'], anyScopes: ['c'] },
    );
    assert.match(step.headers['WWW-Authenticate'], /scope="a c"/);
    const metadata = protectApi(offline(), {
      resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource',
    });
    const unauthorized = await metadata({ scopes: ['a'], anyScopes: ['c', 'd'] })(new Request(URL));
    assert.match(unauthorized.headers.get('www-authenticate'), /scope="a c"/);
  });
});

test('a client of another kind is told the requirements that the route has, as copies, and no others', async () => {
  const seen = [];
  const client = { validateAccessToken: async (_, options) => seen.push(options) && { sub: 'a' } };
  const required = { anyScopes: ['a'], permissions: ['p'], roles: ['r'], claims: { t: { in: ['x', null] } } };
  assert.equal((await protectApi(client)(required)(requested('t'))).status, undefined);
  const { anyScopes, permissions, roles, claims } = seen[0];
  assert.deepEqual({ anyScopes, permissions, roles, claims }, required);
  assert.notEqual(claims, required.claims);
  await protectApi(client)({})(requested('t'));
  assert.deepEqual(Object.keys(seen[1]), ['scopes', 'groups', 'validateCertificateBinding', 'clientCertificate']);
});

test('what an overridden validateAccessToken returns must meet the rules of the route too', async () => {
  class Own extends MonoCloudBackendNodeClient {
    async validateAccessToken() {
      return { iss: ISSUER, aud: AUDIENCE, exp: 4102444800, tenant: 'other', roles: ['r'] };
    }
  }
  const client = new Own({ tenantDomain: ISSUER, audience: AUDIENCE, jwksResolver: () => JWKS });
  const statusOf = async (required) => (await protectApi(client)(required)(requested(signed()))).status;
  assert.equal(await statusOf({ claims: { tenant: 'other' }, roles: ['r'] }), undefined);
  assert.equal(await statusOf({ claims: { tenant: 'acme' } }), 403);
  assert.equal(await statusOf({ roles: ['s'] }), 403);
});

test('a claim of a cached JWT that can be read in two ways meets no rule: the signed text counts, not the entry', async () => {
  const token = signedText(withMember('"roles":["r",{"a":1,"a":2}],"level":1e400,"tenant":"acme"'));
  for (const cache of [mapCache(), memoryCache()]) {
    const client = offline({ cache, verifiedTokenCacheSize: 0 });
    for (let round = 1; round <= 3; round += 1) {
      await client.validateAccessToken(token, { claims: { tenant: 'acme' } });
      await assert.rejects(client.validateAccessToken(token, { roles: ['r'] }), { reason: 'role_missing' });
      const nothing = client.validateAccessToken(token, { claims: { level: null } });
      await assert.rejects(nothing, { reason: 'claim_mismatch' });
    }
  }
});

describe('an introspected claim that can be read in two ways', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  after(() => issuer.close());

  for (const [name, cache] of [
    ['no cache', () => undefined],
    ['memoryCache()', memoryCache],
    ["a user's cache", mapCache],
  ]) {
    test(`meets no rule, also after another route accepted the token: ${name}`, async () => {
      const members = '"roles":["r",{"a":1,"a":2}],"level":1e400,"tenant":"acme"';
      const body = JSON.stringify({ active: true, ...issuer.claims() }).replace(/}$/, `,${members}}`);
      issuer.respond('/introspect', () => ({ body }));
      const client = backend(issuer, { ...ANY_CLIENT, cache: cache() });
      for (let round = 1; round <= 3; round += 1) {
        await client.validateAccessToken('opaque', { claims: { tenant: 'acme' } });
        await assert.rejects(client.validateAccessToken('opaque', { roles: ['r'] }), { reason: 'role_missing' });
        const nothing = client.validateAccessToken('opaque', { claims: { level: null } });
        await assert.rejects(nothing, { reason: 'claim_mismatch' });
      }
    });
  }
});

/** The text of valid claims with one more member. */
function withMember(member) {
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'a', exp: Math.floor(Date.now() / 1000) + 600 };
  return JSON.stringify(claims).replace(/}$/, `,${member}}`);
}
