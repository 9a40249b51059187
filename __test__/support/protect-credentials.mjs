// Where does a protected route find the token and the certificate? The same on every framework.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';

import { MonoCloudBackendNodeClient, MonoCloudValidationError } from '@monocloud/backend-node';

import { ANSWERS, headerOf, partsOf } from './frameworks.mjs';
import { get } from './http.mjs';
import { AUDIENCE, ISSUER, JWKS, offline, signed } from './offline.mjs';
import { certificateOf } from './vectors.mjs';
import { describeWhere } from './suite.mjs';

const { invalid, unauthorized } = ANSWERS;

const OWN = certificateOf({ certificate: 'its own' });
const ANOTHER = certificateOf({ certificate: 'another' });
const THUMBPRINT = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0';
const bound = (claims) => signed({ cnf: { 'x5t#S256': THUMBPRINT }, ...claims });

const failing = {
  throws: () => {
    throw new Error('canary');
  },
  rejects: async () => {
    throw new Error('canary');
  },
  'throws nothing': () => {
    throw undefined; // oxlint-disable-line no-throw-literal
  },
};

export function credentialsOf(framework) {
  const { protectApi } = framework;

  describeWhere(framework.skip, `${framework.name}: the token resolver`, () => {
    const answer = (tokenResolver, request) => framework.answer(protectApi(offline(), { tokenResolver })(), request);

    for (const [how, wrap] of [
      ['sync', (value) => value],
      ['async', async (value) => value],
    ]) {
      test(`that is ${how} gives the token, trimmed, and wins over the header`, async () => {
        const resolved = await answer(() => wrap(` \t${signed({ sub: 'resolved' })}\n`), {
          token: signed({ sub: 'header' }),
        });
        assert.equal(resolved.body.claims.sub, 'resolved');
        assert.deepEqual(await answer(() => wrap('a.b.c'), { token: signed() }), invalid('Token is malformed'));
      });

      test(`that is ${how} and gives nothing leaves it to the header`, async () => {
        for (const nothing of [undefined, null, '', ' \n']) {
          assert.equal(
            (await answer(() => wrap(nothing), { token: signed({ sub: 'header' }) })).body.claims.sub,
            'header',
          );
          assert.deepEqual(await answer(() => wrap(nothing)), unauthorized('Bearer'));
        }
      });
    }

    test('gets the request', async () => {
      const tokenResolver = (request) => headerOf(request, 'cookie')?.replace('token=', '');
      assert.equal((await answer(tokenResolver, { headers: { cookie: `token=${signed()}` } })).status, 200);
    });

    test('that gives what is neither text nor nothing is answered with 401, also with a good token in the header', async () => {
      for (const odd of [
        [signed()],
        { token: signed() },
        1,
        true,
        Buffer.from(signed()),
        Symbol('token'),
        () => signed(),
      ]) {
        assert.deepEqual(await answer(() => odd, { token: signed() }), unauthorized('Bearer error="invalid_token"'));
      }
      for (const nothing of [false, 0]) {
        assert.equal((await answer(() => nothing, { token: signed({ sub: 'header' }) })).body.claims.sub, 'header');
      }
    });

    for (const [how, resolver] of Object.entries(failing)) {
      test(`that ${how} is answered with 401, also with a good token in the header`, async () => {
        assert.deepEqual(await answer(resolver, { token: signed() }), unauthorized('Bearer error="invalid_token"'));
      });
    }
  });

  describeWhere(framework.skip, `${framework.name}: the certificate resolver`, () => {
    /** The response, and how often the resolver was called. */
    async function ask({ token, route, client = offline(), certificate = OWN }) {
      let calls = 0;
      const certificateResolver = async () => {
        calls += 1;
        return certificate;
      };
      const { status, challenge } = await framework.answer(protectApi(client, { certificateResolver })(route), {
        token,
      });
      return { status, calls, description: /error_description="(.*)"/.exec(challenge)?.[1] };
    }

    const required = { validateCertificateBinding: true };
    const ignored = { validateCertificateBinding: false };
    for (const [what, question, expected] of [
      ['a bound token', () => ({ token: bound() }), { status: 200, calls: 1 }],
      [
        'a bound token where binding is required',
        () => ({ token: bound(), route: required }),
        { status: 200, calls: 1 },
      ],
      [
        'a bound token where the client requires it',
        () => ({ token: bound(), client: offline({ validateCertificateBinding: 'required' }) }),
        { status: 200, calls: 1 },
      ],
      ['a token without cnf', () => ({ token: signed() }), { status: 200, calls: 0 }],
      [
        'a token without cnf where binding is required',
        () => ({ token: signed(), route: required }),
        { status: 401, calls: 0, description: 'Token is not bound to a client certificate' },
      ],
      [
        'a bound token where the route ignores it',
        () => ({ token: bound(), route: ignored }),
        { status: 200, calls: 0 },
      ],
      [
        'a bound token where the client ignores it',
        () => ({ token: bound(), client: offline({ validateCertificateBinding: 'dangerously_ignore' }) }),
        { status: 200, calls: 0 },
      ],
      [
        'a bound token where the client ignores it and the route does not',
        () => ({
          token: bound(),
          route: required,
          client: offline({ validateCertificateBinding: 'dangerously_ignore' }),
        }),
        { status: 200, calls: 1 },
      ],
      [
        'a bound token that has expired',
        () => ({ token: bound({ exp: 1 }) }),
        { status: 401, calls: 0, description: 'Token has expired' },
      ],
      ['no token', () => ({}), { status: 401, calls: 0 }],
    ]) {
      test(`is asked ${expected.calls ? 'once' : 'nothing'} for ${what}`, async () => {
        assert.deepEqual(await ask(question()), { description: undefined, ...expected });
      });
    }

    for (const [what, certificate, description] of [
      ['another certificate', ANOTHER, 'Token is bound to another client certificate'],
      ['no certificate', undefined, 'Token is bound to a client certificate and none was presented'],
      ['null', null, 'Token is bound to a client certificate and none was presented'],
      ['what is none', 'garbage!', 'Client certificate could not be read'],
      ['what is no text', Buffer.from(OWN), undefined],
    ]) {
      test(`that gives ${what} is answered with 401`, async () => {
        // `undefined` would mean the default of `ask`.
        const given = certificate === undefined ? Promise.resolve() : certificate;
        assert.deepEqual(await ask({ token: bound(), certificate: given }), { status: 401, calls: 1, description });
      });
    }

    test('that is missing leaves a bound token without its certificate', async () => {
      const answer = await framework.answer(protectApi(offline())(), { token: bound() });
      assert.deepEqual(answer, invalid('Token is bound to a client certificate and none was presented'));
    });

    test('gets the request, may be sync, and is asked for each request', async () => {
      const certificateResolver = (request) => headerOf(request, 'x-client-cert');
      await framework.with({ '/': { protect: protectApi(offline(), { certificateResolver })() } }, async (url) => {
        const token = bound();
        const status = async (certificate) =>
          (await get(url, { token, headers: { 'x-client-cert': encodeURIComponent(certificate) } })).status;
        assert.deepEqual([await status(OWN), await status(ANOTHER), await status(OWN)], [200, 401, 200]);
      });
    });

    for (const [how, certificateResolver] of Object.entries(failing)) {
      test(`that ${how} is answered with 401, and only where it is asked`, async () => {
        const protect = protectApi(offline(), { certificateResolver })();
        assert.deepEqual(
          await framework.answer(protect, { token: bound() }),
          unauthorized('Bearer error="invalid_token"'),
        );
        assert.equal((await framework.answer(protect, { token: signed() })).status, 200);
      });
    }
  });

  describeWhere(framework.skip, `${framework.name}: a resolver that fails`, () => {
    /** The events `refused` while `work` runs. */
    async function refusals(work) {
      const messages = [];
      const listen = (message) => messages.push({ ...message });
      subscribe('monocloud:backend:refused', listen);
      try {
        await work();
      } finally {
        unsubscribe('monocloud:backend:refused', listen);
      }
      return messages;
    }

    const origin = { issuer: ISSUER, audience: AUDIENCE };
    const event = (resolver, kind) => ({
      ...origin,
      ...(kind && { kind }),
      reason: 'resolver_failed',
      status: 401,
      resolver,
    });
    for (const [how, resolver] of Object.entries({ ...failing, 'gives a list': () => ['canary'] })) {
      test(`because it ${how} is reported by one event, which names the resolver and not the error`, async () => {
        const ask = (options, token) => framework.answer(protectApi(offline(), options)(), { token });
        assert.deepEqual(await refusals(() => ask({ tokenResolver: resolver }, signed())), [event('tokenResolver')]);
        const certificate = await refusals(() => ask({ certificateResolver: resolver }, bound()));
        assert.deepEqual(certificate, [event('certificateResolver', 'jwt')]);
        const opaque = await refusals(() => ask({ certificateResolver: resolver }, 'opaque'));
        assert.deepEqual(opaque, [event('certificateResolver', 'opaque')]);
      });
    }

    test('is reported with the name of a spied client, and without one for a foreign client', async () => {
      const tokenResolver = failing.rejects;
      const spied = Object.assign(offline(), { validateAccessToken: async () => ({}) });
      const messages = (client) => refusals(() => framework.answer(protectApi(client, { tokenResolver })()));
      assert.deepEqual(await messages(spied), [event('tokenResolver')]);
      const foreign = { validateAccessToken: async () => ({}) };
      assert.deepEqual(await messages(foreign), [
        { ...event('tokenResolver'), issuer: undefined, audience: undefined },
      ]);
    });
  });

  describeWhere(framework.skip, `${framework.name}: protectApi`, () => {
    const VARIABLES = { MONOCLOUD_BACKEND_TENANT_DOMAIN: ISSUER, MONOCLOUD_BACKEND_AUDIENCE: AUDIENCE };
    function setEnvironment(t, variables = VARIABLES) {
      Object.assign(process.env, variables);
      t.after(() => Object.keys(variables).forEach((name) => delete process.env[name]));
    }

    test('without a client makes one at once, from the environment as it is then', async (t) => {
      for (const args of [[], [undefined], [{}], [{ tokenResolver: () => 'x' }]]) {
        assert.throws(() => protectApi(...args), {
          name: 'MonoCloudValidationError',
          message: /MONOCLOUD_BACKEND_TENANT_DOMAIN/,
        });
      }
      setEnvironment(t);
      const [plain, resolving] = [protectApi(), protectApi({ tokenResolver: () => 'a.b.c' })];
      for (const name of Object.keys(VARIABLES)) delete process.env[name];
      assert.deepEqual(await framework.answer(plain()), unauthorized('Bearer'));
      assert.deepEqual(await framework.answer(plain(), { token: 'a.b.c' }), invalid('Token is malformed'));
      assert.deepEqual(await framework.answer(resolving()), invalid('Token is malformed'));
    });

    test('with a client takes that, and needs no environment', async () => {
      const client = new MonoCloudBackendNodeClient({
        tenantDomain: ISSUER,
        audience: AUDIENCE,
        jwksResolver: () => JWKS,
      });
      for (const args of [
        [client],
        [client, undefined],
        [client, {}],
        [client, { tokenResolver: undefined, certificateResolver: null, allowPreflight: undefined }],
      ]) {
        assert.equal((await framework.answer(protectApi(...args)(), { token: signed() })).status, 200);
      }
    });

    test('refuses a resolver that is not a function, and an unknown route option, when they are given', (t) => {
      setEnvironment(t);
      for (const bad of [
        { tokenResolver: 'cookie' },
        { certificateResolver: {} },
        { allowPreflight: 'true' },
        { allowPreflight: 1 },
      ]) {
        assert.throws(() => protectApi(bad), MonoCloudValidationError);
        assert.throws(() => protectApi(offline(), bad), MonoCloudValidationError);
      }
      const duck = { validateAccessToken: async () => ({}) };
      for (const client of [offline(), duck]) {
        for (const bad of [{ scopes: 'a' }, { scopes: [1] }, { groups: {} }, { validateCertificateBinding: 'yes' }]) {
          assert.throws(() => protectApi(client)(bad), MonoCloudValidationError, JSON.stringify(bad));
        }
      }
    });

    test('treats null and undefined in a route’s options as absent', async () => {
      const protect = protectApi(offline());
      for (const route of [
        undefined,
        null,
        {},
        { scopes: null, groups: undefined, validateCertificateBinding: null },
      ]) {
        assert.equal((await framework.answer(protect(route), { token: signed() })).status, 200);
      }
      const { body } = partsOf(
        await framework.with({ '/': { protect: protect({ scopes: [], groups: [] }) } }, (url) =>
          get(url, { token: signed() }),
        ),
      );
      assert.equal(body.claims.iss, ISSUER);
    });
  });
}
