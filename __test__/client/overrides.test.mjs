// How is the result of an overridden or spied method used? As claims, not as a decision: the route's rules still
// apply to them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { after, before, describe, mock, test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { memoryCache } from '@monocloud/backend-node/cache';
import { protectApi as expressApi } from '@monocloud/backend-node/express';
import { protectApi as fastifyApi } from '@monocloud/backend-node/fastify';

import { ANY_CLIENT, backend } from '../support/backend.mjs';
import { mapCache } from '../support/caches.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { AUDIENCE, ISSUER, JWKS, offline, signed } from '../support/offline.mjs';

const now = () => Math.floor(Date.now() / 1000);
const OPTIONS = { tenantDomain: ISSUER, audience: AUDIENCE, jwksResolver: () => JWKS, ...ANY_CLIENT };

/** One DER SEQUENCE in base64, enough to compare certificates. */
const der = Buffer.from([0x30, 3, 1, 2, 3]);
const CERTIFICATE = der.toString('base64');
const THUMBPRINT = createHash('sha256').update(der).digest('base64url');

const good = (changes) => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'me',
  exp: now() + 60,
  scope: 'a b',
  groups: ['g'],
  ...changes,
});

/** The method's result, the options, and the expected reason; no reason means accepted. */
const RESULTS = {
  'good claims': [() => good(), { scopes: ['a'], groups: ['g'] }],
  'good claims without exp and iss': [() => good({ exp: undefined, iss: undefined }), {}],
  'claims with more than JSON can say': [() => good({ at: new Date(), big: 1n, run: () => {} }), { scopes: ['a'] }],
  'claims without the scope': [() => good(), { scopes: ['admin'] }, 'scope_missing'],
  'claims without any scope': [() => good({ scope: undefined }), { scopes: ['a'] }, 'scope_missing'],
  'claims without the group': [() => good(), { groups: ['h'] }, 'group_missing'],
  'expired claims': [() => good({ exp: now() - 1000 }), {}, 'expired'],
  'claims of a later time': [() => good({ nbf: now() + 1000 }), {}, 'not_yet_valid'],
  'claims whose exp is no number': [() => good({ exp: NaN }), {}, 'expiry_invalid'],
  'claims whose exp is a date': [() => good({ exp: new Date(0) }), {}, 'expiry_invalid'],
  'claims for others': [() => good({ aud: 'urn:x' }), {}, 'audience_mismatch'],
  'claims for nobody': [() => good({ aud: undefined }), {}, 'audience_mismatch'],
  'claims of another issuer': [() => good({ iss: 'https://x.example' }), {}, 'issuer_mismatch'],
  'claims of an inactive token': [() => good({ active: false }), {}, 'inactive'],
  'bound claims': [() => good({ cnf: { 'x5t#S256': THUMBPRINT } }), {}, 'certificate_missing'],
  'claims bound to another certificate': [
    () => good({ cnf: { 'x5t#S256': 'A'.repeat(43) } }),
    { clientCertificate: CERTIFICATE },
    'certificate_mismatch',
  ],
  'claims whose cnf cannot be written': [() => good({ cnf: 1n }), {}, 'confirmation_invalid'],
  'claims bound to this certificate': [
    () => good({ cnf: { 'x5t#S256': THUMBPRINT } }),
    { clientCertificate: CERTIFICATE },
  ],
  'bound claims where binding is ignored': [
    () => good({ cnf: { 'x5t#S256': THUMBPRINT } }),
    { validateCertificateBinding: false },
  ],
  'claims that are not bound where they must be': [
    () => good(),
    { validateCertificateBinding: true },
    'confirmation_missing',
  ],
  nothing: [() => undefined, {}, 'claims_invalid'],
  null: [() => null, {}, 'claims_invalid'],
  true: [() => true, {}, 'claims_invalid'],
  'a text': [() => JSON.stringify(good()), {}, 'claims_invalid'],
  'a list': [() => [good()], {}, 'claims_invalid'],
  'an object of a class': [() => Object.assign(new (class Claims {})(), good()), {}, 'claims_invalid'],
  'an object that inherits its claims': [() => Object.create(good()), {}, 'claims_invalid'],
};

const CACHES = {
  'without a cache': () => undefined,
  'with an ICache': () => mapCache(),
  'with memoryCache()': () => memoryCache(),
};
const TOKENS = { introspectAccessToken: 'opaque', validateJwtAccessToken: signed() };

/** A client whose method returns `value()`: a subclass, and a spy. */
function overriding(method, value, options) {
  class Own extends MonoCloudBackendNodeClient {
    async [method]() {
      return value();
    }
  }
  const spied = new MonoCloudBackendNodeClient({ ...OPTIONS, ...options });
  mock.method(spied, method, async () => value());
  return { 'a subclass': new Own({ ...OPTIONS, ...options }), 'a spy': spied };
}

/** The result of an Express or Fastify route for a token: claims, or the status. */
async function throughRoute(framework, client, token, { clientCertificate, ...options }) {
  const request = { headers: { authorization: `Bearer ${token}` }, rawHeaders: [] };
  const resolver = clientCertificate && { certificateResolver: () => clientCertificate };
  if (framework === 'fastify') {
    const answers = [];
    const reply = {
      sent: false,
      status: (status) => answers.push(status) && reply,
      header: () => reply,
      headers: () => reply,
      serializer: () => reply,
      send: () => reply,
    };
    const wrapped = { raw: request, headers: request.headers };
    await fastifyApi(client, resolver)(options)(wrapped, reply);
    return answers[0] ?? wrapped.claims;
  }
  let status;
  const response = {
    setHeader() {},
    end() {},
    set statusCode(code) {
      status = code;
    },
  };
  let isNext = false;
  await expressApi(client, resolver)(options)(request, response, () => {
    isNext = true;
  });
  assert.equal(isNext, status === undefined);
  return status ?? request.claims;
}

for (const [method, token] of Object.entries(TOKENS)) {
  describe(`${method}, overridden or spied, that gives`, () => {
    for (const [what, [value, options, reason]] of Object.entries(RESULTS)) {
      test(`${what} is ${reason ?? 'accepted'} on every path`, async () => {
        for (const [how, makeCache] of Object.entries(CACHES)) {
          const made = makeCache();
          for (const [kind, client] of Object.entries(overriding(method, value, made && { cache: made }))) {
            for (let round = 0; round < 3; round += 1) {
              const where = `${kind}, ${how}, round ${round}`;
              const asked = client.validateAccessToken(token, options);
              if (reason) await assert.rejects(asked, { name: 'MonoCloudTokenError', reason }, where);
              else assert.equal((await asked).sub, 'me', where);
              for (const framework of ['express', 'fastify']) {
                const outcome = await throughRoute(framework, client, token, options);
                const isForbidden = reason === 'scope_missing' || reason === 'group_missing';
                const expected = isForbidden ? 403 : reason ? 401 : 'me';
                assert.equal(outcome?.sub ?? outcome, expected, `${where}, ${framework}`);
              }
            }
          }
        }
      });
    }
  });
}

describe('an overridden introspectAccessToken', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  after(() => issuer.close());

  test('is called with only the token, whatever the route requires', async () => {
    for (const cache of [undefined, mapCache(), memoryCache()]) {
      const client = offline({ ...ANY_CLIENT, cache });
      const spy = mock.method(client, 'introspectAccessToken', async () => good());
      await client.validateAccessToken('opaque', { scopes: ['a'], clientCertificate: CERTIFICATE });
      assert.deepEqual(
        spy.mock.calls.map((call) => [call.this, ...call.arguments]),
        [[client, 'opaque']],
      );
    }
  });

  test('that calls its parent does not lose the certificate of the call', async () => {
    const client = backend(issuer, ANY_CLIENT);
    mock.method(client, 'introspectAccessToken');
    const bound = issuer.opaque({ cnf: { 'x5t#S256': THUMBPRINT } });
    assert.equal((await client.validateAccessToken(bound, { clientCertificate: CERTIFICATE })).sub, 'user-1');
    assert.equal((await client.validateAccessToken(bound, { validateCertificateBinding: false })).sub, 'user-1');
    await assert.rejects(client.validateAccessToken(bound), { reason: 'certificate_missing' });
    await assert.rejects(
      client.validateAccessToken(bound, { clientCertificate: der.toString('base64').replace('B', 'C') }),
      { name: 'MonoCloudTokenError' },
    );
    await assert.rejects(client.validateAccessToken(bound, { clientCertificate: CERTIFICATE, scopes: ['x'] }), {
      reason: 'scope_missing',
    });
    assert.equal((await throughRoute('express', client, bound, { clientCertificate: CERTIFICATE })).sub, 'user-1');
  });

  test('does not loosen a concurrent call with the same token', async () => {
    const client = backend(issuer, ANY_CLIENT);
    const bound = issuer.opaque({ cnf: { 'x5t#S256': THUMBPRINT } });
    const original = client.introspectAccessToken.bind(client);
    client.introspectAccessToken = (token) => original(token);
    const validating = client.validateAccessToken(bound, { clientCertificate: CERTIFICATE });
    const beside = assert.rejects(original(bound), { reason: 'certificate_missing' });
    await Promise.all([validating, beside]);
  });
});

describe('an overridden validateAccessToken, for a route that asks for a scope,', () => {
  const ROUTE = { scopes: ['a'] };
  const CASES = {
    'that forgets to pass the options on': [
      { scope: 'b' },
      async function (token) {
        return MonoCloudBackendNodeClient.prototype.validateAccessToken.call(this, token);
      },
      403,
    ],
    'that forgets them, for a token with the scope': [
      { scope: 'a' },
      async function (token) {
        return MonoCloudBackendNodeClient.prototype.validateAccessToken.call(this, token);
      },
      'user-1',
    ],
    'that forgets them, for a token without any': [
      { scope: undefined },
      async function (token) {
        return MonoCloudBackendNodeClient.prototype.validateAccessToken.call(this, token);
      },
      403,
    ],
    'that adds to the claims': [
      { scope: 'a' },
      async function (token, options) {
        const claims = await MonoCloudBackendNodeClient.prototype.validateAccessToken.call(this, token, options);
        const self = { ...claims, big: 1n };
        return Object.assign(self, { self });
      },
      'user-1',
    ],
    'that gives claims without aud': [{}, async () => ({ sub: 'me', exp: now() + 60, scope: 'a' }), 'me'],
    'that gives claims which expired': [{}, async () => ({ sub: 'me', exp: now() - 1000, scope: 'a' }), 401],
    'that gives claims of another audience': [{}, async () => ({ sub: 'me', aud: 'urn:x', scope: 'a' }), 401],
    'that gives an object of its own': [{}, async () => ({ sub: 'own', roles: ['a'] }), 'own'],
    'that gives an object of a class': [{}, async () => Object.assign(new (class User {})(), { sub: 'own' }), 'own'],
    'that gives nothing': [{}, async () => undefined, 401],
    'that gives null': [{}, async () => null, 401],
    'that gives true': [{}, async () => true, 401],
    'that gives a list': [{}, async () => [], 401],
  };
  for (const [what, [claims, validateAccessToken, expected]] of Object.entries(CASES)) {
    test(`${what} ends as ${expected}`, async () => {
      const token = signed(claims);
      class Own extends MonoCloudBackendNodeClient {}
      Own.prototype.validateAccessToken = validateAccessToken;
      const spied = offline();
      mock.method(spied, 'validateAccessToken', validateAccessToken);
      for (const client of [new Own(OPTIONS), spied]) {
        for (const framework of ['express', 'fastify']) {
          const outcome = await throughRoute(framework, client, token, ROUTE);
          assert.equal(outcome?.sub ?? outcome, expected, framework);
        }
      }
    });
  }

  test('of a foreign client decides alone, and must return an object', async () => {
    for (const [result, expected] of [
      [{ sub: 'fake' }, 'fake'],
      [{ sub: 'fake', exp: 1 }, 'fake'],
      [undefined, 401],
      [null, 401],
      ['x', 401],
      [[], 401],
    ]) {
      const outcome = await throughRoute('express', { validateAccessToken: async () => result }, 'any', ROUTE);
      assert.equal(outcome?.sub ?? outcome, expected);
    }
  });
});

describe('an overridden introspectAccessToken that drops cnf', () => {
  class Mapping extends MonoCloudBackendNodeClient {
    async introspectAccessToken(token) {
      const { sub, aud, exp, iss } = await super.introspectAccessToken(token);
      return { sub, aud, exp, iss };
    }
  }
  let issuer;
  let client;
  before(async () => {
    issuer = await startIssuer();
    client = new Mapping({ tenantDomain: issuer.issuer, audience: 'https://api.example.com', ...ANY_CLIENT });
  });
  after(() => issuer.close());
  const outcomeOf = (cnf, options) =>
    client.validateAccessToken(issuer.opaque({ cnf }), options).then(
      ({ sub }) => sub,
      ({ reason }) => reason,
    );

  test('does not let a token of a DPoP key pass as a bearer token, with or without a certificate', async () => {
    const cnf = { jkt: 'A'.repeat(43) };
    for (const options of [{}, { clientCertificate: CERTIFICATE }, { validateCertificateBinding: false }]) {
      assert.equal(await outcomeOf(cnf, options), 'dpop_scheme_required');
    }
    assert.notEqual(await outcomeOf(cnf, { validateDPoPBinding: false }), 'dpop_scheme_required');
  });

  test('does not let a token of a certificate pass where only the DPoP key is ignored', async () => {
    const options = { validateDPoPBinding: false };
    assert.equal(await outcomeOf({ 'x5t#S256': THUMBPRINT }, options), 'certificate_missing');
  });
});

test('a request about whose token nothing was decided is rejected', () => {
  const { CheckedClaims } = createRequire(import.meta.url)('../../npm/client/check-claims.js');
  assert.equal(new CheckedClaims(undefined, undefined).decision.spec.reason, 'internal');
});
