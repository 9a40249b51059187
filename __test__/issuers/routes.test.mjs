// Does a protected route with several issuers let the client of the token's issuer decide, on every framework?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { MonoCloudMultiIssuerClient } from '@monocloud/backend-node';
import { protectApi } from '@monocloud/backend-node/node';

import { EVERY } from '../support/adapters.mjs';
import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import {
  boundRequest,
  boundToken,
  credentials,
  DEFAULT_ALGS,
  eventsOf,
  presented,
  proofKey,
  proofOf,
} from '../support/dpop.mjs';
import { ANSWERS, headerOf } from '../support/frameworks.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { describeWhere } from '../support/suite.mjs';

let a;
let b;
let c;
before(async () => {
  [a, b, c] = await Promise.all(['tenant-a', 'tenant-b', 'tenant-c'].map((keys) => startIssuer({ keys })));
});
after(() => Promise.all([a, b, c].map((issuer) => issuer.close())));

const OTHER_ISSUER = ANSWERS.invalid('Token was issued by another issuer');
const ofResolver = ANSWERS.unauthorized('Bearer error="invalid_token"');

const resolve = async (issuer) => (issuer === c.issuer ? { tenantDomain: issuer, audience: AUDIENCE } : null);
const several = (options) =>
  new MonoCloudMultiIssuerClient({
    clients: [backend(a), backend(b)],
    resolve,
    opaque: backend(a, ANY_CLIENT),
    ...options,
  });

/** Tenants by name: each may use the tokens of one issuer. */
const issuersOf = { a: () => [a.issuer], b: () => [`${b.issuer}/`], none: () => [], any: () => undefined };
const byTenant = (request) => issuersOf[headerOf(request, 'x-tenant')]();

for (const framework of EVERY) {
  describeWhere(framework.skip, `on ${framework.name}`, () => {
    const answerOf = (client, options) => {
      const protect = framework.protectApi(client, options)({ scopes: ['data:read'] });
      return ({ token, tenant, ...rest }) => {
        const headers = tenant === undefined ? {} : { 'x-tenant': tenant };
        return framework.answer(protect, { token, headers, ...rest });
      };
    };
    const accepted = async (answer, issuer) => {
      const { status, body } = await answer;
      assert.deepEqual([status, body.claims?.iss], [200, issuer.issuer]);
    };

    test('the token’s issuer chooses the client', async () => {
      const answer = answerOf(several());
      // The issuer that must be resolved is asked for first, and then it is known.
      for (const issuer of [c, a, b, c]) await accepted(answer({ token: issuer.sign() }), issuer);
      await accepted(answer({ token: a.opaque({ iss: undefined }) }), a);
      const forged = b.sign({ claims: { iss: a.issuer } });
      assert.deepEqual(await answer({ token: forged }), ANSWERS.invalid('Token signature is invalid'));
      const unknown = a.sign({ claims: { iss: 'https://nobody.example' } });
      assert.deepEqual(await answer({ token: unknown }), OTHER_ISSUER);
      const scope = { scope: 'data:write' };
      const missing = ANSWERS.forbidden('Bearer error="insufficient_scope", scope="data:read"');
      for (const issuer of [a, c]) assert.deepEqual(await answer({ token: issuer.sign({ claims: scope }) }), missing);
      assert.deepEqual(await answer({}), ANSWERS.unauthorized('Bearer'));
    });

    test('`issuers` says whose tokens a request may use', async () => {
      const answer = answerOf(several(), { issuers: byTenant });
      await accepted(answer({ tenant: 'a', token: a.sign() }), a);
      await accepted(answer({ tenant: 'b', token: b.sign() }), b);
      for (const issuer of [a, b, c]) await accepted(answer({ tenant: 'any', token: issuer.sign() }), issuer);
      for (const [tenant, token] of [
        ['b', a.sign()],
        ['b', a.opaque()],
        ['a', b.sign()],
        ['a', c.sign()],
        ['none', a.sign()],
      ]) {
        assert.deepEqual(await answer({ tenant, token }), OTHER_ISSUER);
      }
      const events = await eventsOf('refused', async () => {
        assert.deepEqual(await answer({ tenant: 'no such tenant', token: a.sign() }), ofResolver);
      });
      assert.deepEqual(
        events.map(({ reason, resolver, issuer }) => [reason, resolver, issuer]),
        [['resolver_failed', 'issuers', undefined]],
      );
    });
  });
}

/** A request of node:http as a guard reads it. */
const requestOf = (headers, method = 'GET') => {
  const rawHeaders = Object.entries(headers).flat();
  return { method, url: '/', headers, rawHeaders, socket: { encrypted: true } };
};
const bearer = (token) => requestOf({ authorization: `Bearer ${token}`, host: 'api.example.com' });
const URL_OF_API = 'https://api.example.com/';
const challengeOf = ({ headers }) => headers['WWW-Authenticate'];

describe('`issuers`', () => {
  for (const [what, issuers] of [
    ['throws', () => assert.fail()],
    ['returns a promise', async () => [a.issuer]],
    ['returns text', () => a.issuer],
    ['returns a set', () => new Set([a.issuer])],
    ['returns other things than text', () => [new URL(a.issuer)]],
    ['returns a list with a hole', () => Array(1)],
    ['returns false', () => false],
  ]) {
    test(`that ${what} refuses the request, whatever the client is`, async () => {
      for (const client of [several(), backend(a)]) {
        const guard = protectApi(client, { issuers })();
        a.resetCounts();
        const { status, body } = await guard(bearer(a.sign()));
        assert.deepEqual([status, body], [401, '{"message":"unauthorized"}']);
        assert.deepEqual(a.counts, {});
      }
    });
  }

  test('that must be a function', () => {
    for (const issuers of [[a.issuer], a.issuer, true]) {
      const wrong = failure('MonoCloudValidationError', 'argument_invalid');
      assert.throws(() => protectApi(several(), { issuers }), wrong);
    }
  });

  test('limits a client of one issuer, also for opaque tokens and custom methods', async () => {
    const client = backend(a, ANY_CLIENT);
    for (const own of [client, Object.assign(backend(a), { validateAccessToken: async () => ({ sub: 'custom' }) })]) {
      let allowed = [a.issuer];
      const guard = protectApi(own, { issuers: () => allowed })();
      assert.equal((await guard(bearer(a.sign()))).status, undefined);
      allowed = undefined;
      assert.equal((await guard(bearer(a.sign()))).status, undefined);
      allowed = [b.issuer];
      a.resetCounts();
      for (const token of [a.sign(), a.opaque()]) assert.equal((await guard(bearer(token))).status, 401);
      assert.deepEqual(a.counts, {});
    }
  });

  test('needs a client of this package', () => {
    const mock = { validateAccessToken: async () => ({}) };
    const wrong = failure('MonoCloudValidationError', 'argument_invalid');
    assert.throws(() => protectApi(mock, { issuers: () => [] }), wrong);
  });

  test('is not called without a token, nor after a token resolver that failed', async () => {
    const issuers = () => assert.fail();
    const guard = protectApi(several(), { issuers, tokenResolver: () => assert.fail() })();
    assert.equal((await guard(requestOf({}))).status, 401);
    assert.equal((await protectApi(several(), { issuers })()(requestOf({}))).status, 401);
  });

  test('comes before `resolve`: a tenant that may not be used is not looked up', async () => {
    const client = several({ resolve: () => assert.fail() });
    const guard = protectApi(client, { issuers: () => [a.issuer] })();
    assert.equal((await guard(bearer(c.sign()))).status, 401);
  });
});

describe('a route with several issuers', () => {
  test('decides synchronously on a JWT of a known issuer', async () => {
    const { protector } = await import('../../npm/protect/route.js');
    const client = several();
    await client.warmUp();
    const route = protector(client, undefined, 'node')();
    const first = route.authenticate(bearer(c.sign()), bearer(c.sign()));
    assert.ok(first instanceof Promise);
    await first;
    for (const issuer of [a, b, c]) {
      const claims = route.authenticate(bearer(issuer.sign()), undefined);
      assert.equal(claims.iss, issuer.issuer);
    }
  });

  test('takes the token of a resolver', async () => {
    const guard = protectApi(several(), { tokenResolver: async ({ cookie }) => cookie })();
    for (const issuer of [a, b, c]) {
      const { claims } = await guard({ ...requestOf({}), cookie: issuer.sign() });
      assert.equal(claims.iss, issuer.issuer);
    }
  });

  test('answers 503 while `resolve` fails, and 500 never', async () => {
    const guard = protectApi(several({ resolve: () => Promise.reject(new Error('down')) }))();
    const { status, headers } = await guard(bearer(c.sign()));
    assert.deepEqual([status, headers['Retry-After']], [503, '5']);
    const other = protectApi(several({ resolve: () => backend(a) }))();
    assert.equal((await other(bearer(c.sign()))).status, 503);
  });

  test('calls a method that a spy replaced, with the issuers of the request', async () => {
    const client = several();
    const guard = protectApi(client, { issuers: () => [a.issuer] })({ scopes: ['data:read'] });
    const calls = [];
    const original = client.validateAccessToken;
    client.validateAccessToken = (...args) => {
      calls.push(args);
      return original.apply(client, args);
    };
    const token = a.sign();
    assert.equal((await guard(bearer(token))).claims.iss, a.issuer);
    assert.equal((await guard(bearer(b.sign()))).status, 401);
    const [[passed, { issuers, scopes }]] = calls;
    assert.deepEqual([calls.length, passed, issuers, scopes], [2, token, [a.issuer], ['data:read']]);
  });

  test('asks for the certificate that a token of any of them is bound to', async () => {
    const bound = { cnf: { 'x5t#S256': Buffer.alloc(32).toString('base64url') } };
    let asked = 0;
    const certificateResolver = () => {
      asked += 1;
      return undefined;
    };
    const guard = protectApi(several(), { certificateResolver })();
    for (const issuer of [a, b, c]) assert.equal((await guard(bearer(issuer.sign({ claims: bound })))).status, 401);
    assert.equal(asked, 3);
  });
});

describe('DPoP with several issuers', () => {
  let key;
  before(async () => {
    key = await proofKey();
  });

  test('a proof is good once, for the client that its token is for', async () => {
    const guard = protectApi(several())();
    for (const issuer of [a, b, c]) {
      const token = boundToken(issuer, key);
      const request = requestOf({ host: 'api.example.com', ...boundRequest({ key, token, url: URL_OF_API }) });
      assert.equal((await guard(request)).claims?.iss, issuer.issuer);
      const again = await guard({ ...request });
      assert.equal(again.status, 401);
      assert.match(challengeOf(again), /error_description="DPoP proof was already used"/);
      const stolen = await guard(bearer(token));
      assert.match(challengeOf(stolen), /^Bearer error="invalid_token".*, DPoP algs="/);
    }
  });

  test('the public URL is that of the chosen client', async () => {
    const clients = [
      backend(a, { publicUrl: 'https://a.example.com' }),
      backend(b, { publicUrl: 'https://b.example.com' }),
    ];
    const guard = protectApi(several({ clients }))();
    const answer = (issuer, url) => {
      const token = boundToken(issuer, key);
      return guard(requestOf({ host: 'x', ...boundRequest({ key, token, url }) }));
    };
    assert.equal((await answer(a, 'https://a.example.com/')).claims?.iss, a.issuer);
    assert.equal((await answer(b, 'https://b.example.com/')).claims?.iss, b.issuer);
    assert.equal((await answer(a, 'https://b.example.com/')).status, 401);
  });

  test('and without a framework, a proof is passed on to the chosen client', async () => {
    const client = several();
    for (const issuer of [a, c]) {
      const token = boundToken(issuer, key);
      const options = presented(proofOf({ key, token, url: URL_OF_API }), { url: URL_OF_API });
      assert.equal((await client.validateAccessToken(token, options)).iss, issuer.issuer);
      await assert.rejects(client.validateAccessToken(token, options), { reason: 'dpop_replayed' });
    }
  });

  for (const [what, modes, route, expected] of [
    ['no client sets an option', [{}, {}], {}, 'Bearer'],
    [
      'one client announces it',
      [{ validateDPoPBinding: 'when_present' }, {}],
      {},
      `Bearer, DPoP algs="${DEFAULT_ALGS}"`,
    ],
    ['one client requires it', [{ validateDPoPBinding: 'required' }, {}], {}, `Bearer, DPoP algs="${DEFAULT_ALGS}"`],
    [
      'all clients require it',
      [{ validateDPoPBinding: 'required' }, { validateDPoPBinding: 'required' }],
      {},
      `DPoP algs="${DEFAULT_ALGS}"`,
    ],
    ['the route requires it', [{}, {}], { validateDPoPBinding: true }, `DPoP algs="${DEFAULT_ALGS}"`],
    ['the route ignores it', [{ validateDPoPBinding: 'required' }, {}], { validateDPoPBinding: false }, 'Bearer'],
    [
      'one client ignores it',
      [{ validateDPoPBinding: 'required' }, { validateDPoPBinding: 'dangerously_ignore' }],
      {},
      `Bearer, DPoP algs="${DEFAULT_ALGS}"`,
    ],
    [
      'all clients ignore it',
      [{ validateDPoPBinding: 'dangerously_ignore' }, { validateDPoPBinding: 'dangerously_ignore' }],
      {},
      'Bearer',
    ],
    [
      'the clients accept different algorithms',
      [
        { validateDPoPBinding: 'required', dpop: { algorithms: ['ES256', 'EdDSA'] } },
        { validateDPoPBinding: 'required', dpop: { algorithms: ['RS256', 'ES256'] } },
      ],
      {},
      'DPoP algs="ES256"',
    ],
  ]) {
    test(`is announced to a request without a token as the clients have it: ${what}`, async () => {
      const clients = [backend(a, modes[0]), backend(b, modes[1])];
      const guard = protectApi(new MonoCloudMultiIssuerClient({ clients }))(route);
      assert.equal(challengeOf(await guard(requestOf({}))), expected);
    });
  }

  test('an unknown issuer is refused in the scheme of the request, if the API knows it', async () => {
    const token = a.sign({ claims: { iss: 'https://nobody.example' } });
    const request = requestOf({ ...credentials(token, 'a.b.c'), host: 'x' });
    const error = 'error="invalid_token", error_description="Token was issued by another issuer"';
    const guard = protectApi(several())();
    assert.match(challengeOf(await guard(request)), new RegExp(`DPoP ${error}, algs=`));
    const resolvedOnly = protectApi(new MonoCloudMultiIssuerClient({ resolve }))();
    assert.equal(challengeOf(await resolvedOnly(request)), `Bearer ${error}`);
  });
});
