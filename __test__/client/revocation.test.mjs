// Which tokens does a cut-off revoke, on which ways to a decision, and which tokens reach the revocation store?

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient, MonoCloudOidcBackendClient, protectApi } from '@monocloud/backend-node/web';
import { memoryCache, memoryRevocationStore } from '@monocloud/backend-node/cache';

import { ANY_CLIENT, backend } from '../support/backend.mjs';
import { jsonCache, mapCache } from '../support/caches.mjs';
import { boundToken, eventsOf, outcomeOf, presented, proofKey, proofOf } from '../support/dpop.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { GOOD } from '../support/options.mjs';
import { mapStore } from '../dpop/stores.mjs';
import { recordingStore } from '../support/revocation.mjs';

const NOW = 1_764_165_600;
const KINDS = ['jti', 'sid', 'sub', 'client_id'];
const IDS = { jti: 'token-1', sid: 'session-1', sub: 'user-1', client_id: 'app-1' };

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());
beforeEach(() => {
  issuer.resetCounts();
});

const clientWith = (revocation, options) => backend(issuer, { ...ANY_CLIENT, revocation, ...options });
const claimsAt = (iat, others) => ({ ...IDS, iat, exp: NOW + 3600, ...others });

describe('a cut-off', () => {
  /** `iat`, the cut-off, and whether tokens are revoked by the cut-off of a jti or client_id, and of a sub or sid. */
  const ROWS = [
    [NOW - 1, NOW, true, true],
    [NOW, NOW, true, true],
    [NOW + 1, NOW, false, false],
    // With a fraction, the whole second of the cut-off is kept for users and sessions.
    [NOW - 1, NOW + 0.25, true, true],
    [NOW, NOW + 0.001, true, false],
    [NOW, NOW + 0.999, true, false],
    [NOW + 1, NOW + 0.999, false, false],
    // An exact `iat` is compared exactly.
    [NOW + 0.25, NOW + 0.25, true, true],
    [NOW + 0.24, NOW + 0.25, true, true],
    [NOW + 0.26, NOW + 0.25, false, false],
    [NOW + 0.5, NOW, false, false],
    // Without `iat`, every cut-off revokes.
    [undefined, NOW, true, true],
    [undefined, 0, true, true],
    [undefined, 0.5, true, true],
    [0, 0, true, true],
    [NOW, 0, false, false],
    [NOW, undefined, false, false],
    [NOW, null, false, false],
    [undefined, undefined, false, false],
  ];
  for (const [iat, cutoff, isStrict, isSplit] of ROWS) {
    test(`of ${cutoff} and iat ${iat}`, async (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: NOW * 1000 });
      for (const kind of KINDS) {
        const store = recordingStore({ cutoffs: { [`${kind}:${IDS[kind]}`]: cutoff } });
        const token = issuer.sign({ claims: claimsAt(iat) });
        const isRevoked = kind === 'sub' || kind === 'sid' ? isSplit : isStrict;
        const outcome = await outcomeOf(clientWith({ store }).validateAccessToken(token));
        assert.equal(outcome, isRevoked ? 'revoked' : 'accepted', kind);
      }
    });
  }

  test('of another kind, value or issuer revokes nothing', async () => {
    const store = memoryRevocationStore();
    const key = { issuer: issuer.issuer, kind: 'sub', value: 'user-1' };
    await store.revoke({ ...key, kind: 'sid' });
    await store.revoke({ ...key, kind: 'jti' });
    await store.revoke({ ...key, value: 'user-2' });
    await store.revoke({ ...key, value: 'User-1' });
    await store.revoke({ ...key, issuer: 'https://other.example' });
    const token = issuer.sign({ claims: { ...IDS } });
    assert.equal(await outcomeOf(clientWith({ store }).validateAccessToken(token)), 'accepted');
    await store.revoke({ ...key, issuer: `${issuer.issuer}/` });
    assert.equal(await outcomeOf(clientWith({ store }).validateAccessToken(token)), 'revoked');
  });

  test('gives a MonoCloudTokenError with the code inactive_token, and 401 with the challenge of RFC 6750', async () => {
    const store = recordingStore({ cutoffs: { 'sub:user-1': Date.now() / 1000 + 5 } });
    const client = clientWith({ store });
    const token = issuer.sign();
    await assert.rejects(client.validateAccessToken(token), {
      name: 'MonoCloudTokenError',
      code: 'inactive_token',
      reason: 'revoked',
      message: 'Token was revoked',
    });
    const response = await protectApi(client)({ scopes: ['none'] })(
      new Request('https://api.example.com/', { headers: { authorization: `Bearer ${token}` } }),
    );
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate'), /error="invalid_token"/);
    assert.equal(response.headers.get('retry-after'), null);
  });

  test('is published as revoked, without a claim', async () => {
    const store = recordingStore({ cutoffs: { 'sub:user-1': Date.now() / 1000 + 5 } });
    const events = await eventsOf('refused', () => outcomeOf(clientWith({ store }).validateAccessToken(issuer.sign())));
    assert.deepEqual(events, [
      { issuer: issuer.issuer, audience: AUDIENCE, kind: 'jwt', reason: 'revoked', scheme: 'bearer', status: 401 },
    ]);
  });
});

/** Every way to a decision: makes `{ token, decide(options) }` for a client with this `revocation`. */
const WAYS = {
  'a JWT': ({ revocation }) => by(clientWith(revocation), issuer.sign({ claims: IDS })),
  'a JWT of MonoCloudOidcBackendClient': ({ revocation }) =>
    by(new MonoCloudOidcBackendClient(issuer.issuer, AUDIENCE, { revocation }), issuer.sign({ claims: IDS })),
  'a remembered JWT': async ({ revocation }) => {
    const way = by(clientWith(revocation), issuer.sign({ claims: IDS }));
    for (let i = 0; i < 3; i += 1) await way.decide();
    assert.equal(way.client.health().rememberedTokens, 1);
    return way;
  },
  'a JWT with a slow signature': ({ revocation }) =>
    by(clientWith(revocation), issuer.sign({ alg: 'ES512', claims: IDS })),
  'a JWT in memoryCache()': async ({ revocation }) => {
    const way = by(clientWith(revocation, { cache: memoryCache() }), issuer.sign({ claims: IDS }));
    await way.decide();
    return way;
  },
  validateJwtAccessToken: ({ revocation }) => {
    const [client, token] = [clientWith(revocation), issuer.sign({ claims: IDS })];
    return { client, decide: (options) => client.validateJwtAccessToken(token, options) };
  },
  'validateJwtAccessToken with jwks': ({ revocation }) => {
    const [client, token] = [clientWith(revocation), issuer.sign({ claims: IDS })];
    const { jwks } = issuer;
    return { client, decide: (options) => client.validateJwtAccessToken(token, { ...options, jwks }) };
  },
  'an opaque token': ({ revocation }) => by(clientWith(revocation), issuer.opaque(IDS)),
  introspectAccessToken: ({ revocation }) => {
    const [client, token] = [clientWith(revocation), issuer.opaque(IDS)];
    return { client, decide: (options) => client.introspectAccessToken(token, options) };
  },
  'a JWT with introspectJwtTokens': ({ revocation }) => {
    const token = issuer.sign({ claims: { sub: 'not asked about' } });
    issuer.introspected.set(token, issuer.claims(IDS));
    return by(clientWith(revocation, { introspectJwtTokens: true }), token);
  },
  ...Object.fromEntries(
    Object.entries({ 'memoryCache()': memoryCache, 'a cache of objects': mapCache, 'a cache of texts': jsonCache }).map(
      ([name, cache]) => [
        `an opaque token in ${name}`,
        async ({ revocation }) => {
          const way = by(clientWith(revocation, { cache: cache() }), issuer.opaque(IDS));
          for (let i = 0; i < 3; i += 1) await way.decide();
          assert.equal(issuer.counts['/introspect'], 1);
          return way;
        },
      ],
    ),
  ),
  'a custom validateJwtAccessToken': ({ revocation }) =>
    by(
      custom(revocation, {
        async validateJwtAccessToken() {
          return issuer.claims(IDS);
        },
      }),
      issuer.sign({ claims: { sub: 'not asked about' } }),
    ),
  'a custom introspectAccessToken': ({ revocation }) =>
    by(
      custom(revocation, {
        async introspectAccessToken() {
          return issuer.claims(IDS);
        },
      }),
      'opaque',
    ),
  'a custom validateAccessToken of protectApi': ({ revocation }) => {
    const client = custom(revocation, {
      async validateAccessToken() {
        return issuer.claims(IDS);
      },
    });
    return { client, decide: (options) => protectedBy(client, options) };
  },
  protectApi: ({ revocation }) => {
    const [client, token] = [clientWith(revocation), issuer.sign({ claims: IDS })];
    return { client, decide: (options) => protectedBy(client, options, token) };
  },
};

const by = (client, token) => ({ client, decide: (options) => client.validateAccessToken(token, options) });

function custom(revocation, methods) {
  const client = new MonoCloudBackendNodeClient({
    tenantDomain: issuer.issuer,
    audience: AUDIENCE,
    ...ANY_CLIENT,
    revocation,
  });
  return Object.assign(client, methods);
}

/** Rejects with the reason of the refusal, which the event tells. */
async function protectedBy(client, options, token = issuer.sign()) {
  const headers = { authorization: `Bearer ${token}` };
  const result = await protectApi(client)(options)(new Request('https://api.example.com/', { headers }));
  if (!(result instanceof Response)) return;
  const { error_description: description } = Object.fromEntries(
    [...result.headers.get('www-authenticate').matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  const reason = { 'Token was revoked': 'revoked' }[description] ?? { 403: 'scope_missing' }[result.status];
  throw Object.assign(new Error(description), { reason });
}

const LACKING = { scopes: ['admin'] };

describe('a token that was accepted before is refused after its revocation', () => {
  for (const [name, make] of Object.entries(WAYS)) {
    for (const kind of KINDS) {
      test(`${name}, by ${kind}`, async () => {
        const store = memoryRevocationStore();
        const way = await make({ revocation: { store } });
        assert.equal(await outcomeOf(way.decide()), 'accepted');
        assert.equal(await outcomeOf(way.decide(LACKING)), 'scope_missing');
        const revoke = (others) => store.revoke({ issuer: issuer.issuer, kind, value: IDS[kind] }, others);
        await revoke({ at: Math.floor(Date.now() / 1000) - 100 });
        assert.equal(await outcomeOf(way.decide()), 'accepted');
        // Later than the second in which the token was made.
        await revoke({ at: Math.floor(Date.now() / 1000) + 1 });
        assert.equal(await outcomeOf(way.decide()), 'revoked');
        // A caller that gets 403 would ask for more rights. One that gets 401 signs in again.
        assert.equal(await outcomeOf(way.decide(LACKING)), 'revoked');
      });
    }
  }

  test('a JWT that must be stepped up, and one that lacks a group', async () => {
    const store = memoryRevocationStore();
    const { decide } = WAYS['a JWT']({ revocation: { store } });
    const rows = [
      [{ acr: ['gold'] }, 'acr_missing'],
      [{ maxAge: 60 }, 'auth_time_invalid'],
      [{ groups: ['g'] }, 'group_missing'],
    ];
    for (const [options, reason] of rows) assert.equal(await outcomeOf(decide(options)), reason);
    await store.revoke({ issuer: issuer.issuer, kind: 'jti', value: IDS.jti }, { at: Date.now() / 1000 + 1 });
    for (const [options] of rows) assert.equal(await outcomeOf(decide(options)), 'revoked');
  });
});

describe('the store', () => {
  /** Each returns a token, and the options of the call, that are refused for something else than the route. */
  const REFUSED = {
    'a forged JWT': () => [issuer.sign({ claims: IDS }).replace(/.{8}$/, 'AAAAAAAA')],
    'an expired JWT': () => [issuer.sign({ claims: claimsAt(1, { exp: 1000 }) })],
    'a JWT of another audience': () => [issuer.sign({ claims: { ...IDS, aud: 'https://other.example' } })],
    'a JWT of another issuer': () => [issuer.sign({ claims: { ...IDS, iss: 'https://other.example' } })],
    'a JWT that is not valid yet': () => [issuer.sign({ claims: { ...IDS, nbf: NOW * 2 } })],
    'a JWT that is bound to a certificate': () => [
      issuer.sign({ claims: { ...IDS, cnf: { 'x5t#S256': 'A'.repeat(43) } } }),
    ],
    'a forged JWT that lacks scopes too': () => [issuer.sign({ claims: IDS }).replace(/.{8}$/, 'AAAAAAAA'), LACKING],
    'an expired JWT that lacks scopes too': () => [issuer.sign({ claims: claimsAt(1, { exp: 1000 }) }), LACKING],
    'an inactive opaque token': () => ['unknown'],
    'an expired opaque token': () => [issuer.opaque(claimsAt(1, { exp: 1000 }))],
    'an opaque token that is bound to a certificate': () => [
      issuer.opaque({ ...IDS, cnf: { 'x5t#S256': 'A'.repeat(43) } }),
    ],
    'no token': () => [''],
    'a token with garbage': () => ['a.b.c'],
  };
  for (const [name, make] of Object.entries(REFUSED)) {
    test(`is not asked about ${name}`, async () => {
      for (const cache of [undefined, memoryCache(), mapCache()]) {
        const store = recordingStore();
        const client = clientWith({ store }, { cache });
        for (let i = 0; i < 2; i += 1) {
          assert.notEqual(await outcomeOf(client.validateAccessToken(...make())), 'accepted');
        }
        assert.deepEqual(store.asked, []);
      }
    });
  }

  test('is not asked about a token whose proof was used before', async () => {
    const key = await proofKey();
    const store = recordingStore();
    const client = clientWith({ store });
    const token = boundToken(issuer, key, IDS);
    const url = 'https://api.example.com/';
    const proof = proofOf({ key, token, url });
    const decide = () => outcomeOf(client.validateAccessToken(token, presented(proof, { url })));
    assert.equal(await decide(), 'accepted');
    assert.equal(store.asked.length, 4);
    assert.equal(await decide(), 'dpop_replayed');
    assert.equal(store.asked.length, 4);
  });

  test('is not asked about a token whose proof another process saw before', async () => {
    const key = await proofKey();
    const token = boundToken(issuer, key, IDS);
    const url = 'https://api.example.com/';
    const proof = proofOf({ key, token, url });
    const replayStore = mapStore();
    // Other options, so that the two clients share no memory of this process.
    const outcomes = [59, 60].map(async (maxAge) => {
      const store = recordingStore();
      const client = clientWith({ store }, { dpop: { maxAge, replayStore } });
      const outcome = await outcomeOf(client.validateAccessToken(token, presented(proof, { url })));
      return [outcome, store.asked.length];
    });
    assert.deepEqual((await Promise.all(outcomes)).sort(), [
      ['accepted', 4],
      ['dpop_replayed', 0],
    ]);
  });

  test('is not asked about what a custom validateAccessToken returned instead of claims', async () => {
    const store = recordingStore({ cutoffs: { 'sub:user-1': NOW * 2 } });
    const client = custom({ store }, { validateAccessToken: async () => ({ sub: 'user-1', name: 'Alice' }) });
    assert.equal(await outcomeOf(protectedBy(client)), 'accepted');
    assert.deepEqual(store.asked, []);
  });

  test('is asked about each claim that is a string, in one order, with the tenant as the issuer', async () => {
    const store = recordingStore();
    const client = clientWith({ store }, { tenantDomain: `${issuer.issuer}/` });
    await client.validateAccessToken(issuer.sign({ claims: IDS }));
    const keys = KINDS.map((kind) => ({ issuer: issuer.issuer, kind, value: IDS[kind] }));
    assert.deepEqual(
      store.asked,
      keys.map((key) => [key]),
    );
    store.asked.length = 0;
    await client.validateAccessToken(issuer.sign({ claims: { sub: 'a', jti: 7.5, sid: null, client_id: '' } }));
    assert.deepEqual(store.asked, [[{ issuer: issuer.issuer, kind: 'sub', value: 'a' }]]);
  });

  test('is asked once per token if it has cutoffs()', async () => {
    for (const isAsync of [false, true]) {
      const store = recordingStore({ isAsync, isBatched: true, cutoffs: { 'client_id:app-1': NOW * 2 } });
      const outcome = await outcomeOf(clientWith({ store }).validateAccessToken(issuer.sign({ claims: IDS })));
      assert.equal(outcome, 'revoked');
      assert.deepEqual(
        store.asked.map((keys) => keys.map(({ kind }) => kind)),
        [KINDS],
      );
    }
  });

  test('is asked only about the chosen kinds', async () => {
    const store = recordingStore({ cutoffs: { 'sub:user-1': NOW * 2 } });
    const client = clientWith({ store, kinds: ['sid', 'jti'] });
    assert.equal(await outcomeOf(client.validateAccessToken(issuer.sign({ claims: IDS }))), 'accepted');
    assert.deepEqual(
      store.asked.flat().map(({ kind }) => kind),
      ['jti', 'sid'],
    );
  });

  test('gets no claim of a polluted prototype', async () => {
    const store = recordingStore({ isBatched: true });
    const client = clientWith({ store });
    const token = issuer.sign({ claims: { sub: 'a', iat: undefined } });
    Object.assign(Object.prototype, { sid: 'polluted', iat: NOW * 2 });
    try {
      await client.validateAccessToken(token);
      assert.deepEqual(
        store.asked.flat().map(({ kind }) => kind),
        ['sub'],
      );
      store.revoke('sub', 'a', 1);
      assert.equal(await outcomeOf(client.validateAccessToken(token)), 'revoked');
    } finally {
      delete Object.prototype.sid;
      delete Object.prototype.iat;
    }
  });

  test('decides by the claims before the caller can change them', async () => {
    const store = recordingStore({ isAsync: true });
    const client = clientWith({ store });
    const token = issuer.sign({ claims: IDS });
    const claims = await client.validateAccessToken(token);
    claims.sub = 'somebody else';
    delete claims.jti;
    const again = await client.validateAccessToken(token);
    assert.deepEqual([again.sub, again.jti], ['user-1', 'token-1']);
  });
});

describe('requireIat', () => {
  test('refuses a token without iat as issued_at_invalid, and does not ask the store about it', async () => {
    for (const token of [issuer.sign({ claims: { iat: undefined } }), issuer.opaque({ iat: undefined })]) {
      const store = recordingStore();
      const client = clientWith({ store, requireIat: true });
      assert.equal(await outcomeOf(client.validateAccessToken(token)), 'issued_at_invalid');
      assert.equal(await outcomeOf(client.validateAccessToken(token, LACKING)), 'issued_at_invalid');
      assert.deepEqual(store.asked, []);
      assert.equal(await outcomeOf(client.validateAccessToken(issuer.sign())), 'accepted');
      assert.equal(await outcomeOf(clientWith({ store }).validateAccessToken(token)), 'accepted');
    }
  });
});

describe('the option', () => {
  const store = { cutoff: () => undefined };
  const WRONG = {
    revocation: [true, 'redis://a', [], new Map(), () => undefined, { stor: store }],
    'revocation.store': [{}, { store: null }, { store: {} }, { store: () => 1 }, { store: { cutoff: 1 } }],
    'revocation.store.cutoffs': [{ store: { ...store, cutoffs: 1 } }],
    'revocation.kinds': ['jti', [], ['iss'], ['jti', 'jti'], [1], {}, ['jti', undefined]].map((kinds) => ({
      store,
      kinds,
    })),
    'revocation.onFailure': ['ignore', true, 1].map((onFailure) => ({ store, onFailure })),
    'revocation.requireIat': ['true', 1].map((requireIat) => ({ store, requireIat })),
  };
  for (const [option, values] of Object.entries(WRONG)) {
    test(`${option} of the wrong kind throws from the constructor, naming itself`, () => {
      for (const revocation of values) {
        const isNamed = (error) =>
          error.name === 'MonoCloudValidationError' &&
          error.reason === 'option_invalid' &&
          error.message.includes(option);
        assert.throws(() => new MonoCloudBackendNodeClient({ ...GOOD, revocation }), isNamed);
        assert.throws(() => new MonoCloudOidcBackendClient('https://a.example', AUDIENCE, { revocation }), isNamed);
      }
    });
  }

  test('may be undefined or null, and so may its members', async () => {
    for (const revocation of [undefined, null, { store, kinds: null, onFailure: null, requireIat: null }]) {
      assert.equal(await outcomeOf(clientWith(revocation).validateAccessToken(issuer.sign())), 'accepted');
    }
  });

  test('takes a store that is an instance of a class', async () => {
    class Store {
      #cutoff = NOW * 2;
      cutoff() {
        return this.#cutoff;
      }
    }
    const client = clientWith({ store: new Store() });
    assert.equal(await outcomeOf(client.validateAccessToken(issuer.sign())), 'revoked');
  });
});
