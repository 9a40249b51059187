// Which requests does a route let in that asks the application (`authorize`), or needs no token (`optional`)?

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, before, test } from 'node:test';

import { EVERY } from '../support/adapters.mjs';
import { ANSWERS, partsOf } from '../support/frameworks.mjs';
import { get } from '../support/http.mjs';
import { AUDIENCE, ISSUER, offline, signed } from '../support/offline.mjs';
import { Routes } from '../support/refusal-routes.mjs';
import { rawGet } from '../support/raw-http.mjs';
import { describeWhere } from '../support/suite.mjs';

const DENIED = ANSWERS.forbidden('Bearer error="insufficient_scope"');
const throwing = () => {
  throw new Error('down');
};

/** The function, and whether the request passes. */
const AUTHORIZE = {
  'returns true': [() => true, true],
  'resolves to true': [async () => true, true],
  'returns false': [() => false, false],
  'resolves to false': [async () => false, false],
  throws: [throwing, false],
  rejects: [() => Promise.reject(new Error('down')), false],
  'throws undefined': [() => Promise.reject(undefined), false],
  'returns 1': [() => 1, false],
  'resolves to 1': [async () => 1, false],
  'returns text': [() => 'true', false],
  'returns nothing': [() => {}, false],
  'returns null': [() => null, false],
  'returns an object': [() => ({ allowed: true }), false],
  'returns a wrapped true': [() => Object(true), false],
  'returns something whose `then` throws': [
    () => ({
      get then() {
        throw new Error('down');
      },
    }),
    false,
  ],
};

/** The headers of a request, and what becomes of it on a route with `optional`. */
const OPTIONAL = {
  'no credentials': [{}, 'anonymous'],
  'another scheme': [{ authorization: 'Basic YTpi' }, 'anonymous'],
  'a DPoP proof without a token': [{ dpop: 'a.b.c' }, 'anonymous'],
  'a good token': [() => ({ authorization: `Bearer ${signed()}` }), 'user-1'],
  'an expired token': [() => ({ authorization: `Bearer ${signed({ exp: 1 })}` }), 401],
  'a token that is none': [{ authorization: 'Bearer nonsense.a.b' }, 401],
  'the scheme Bearer alone': [{ authorization: 'Bearer' }, 401],
  'the scheme Bearer with a tab': [{ authorization: 'Bearer\ta.b.c' }, 401],
  'two tokens in one header': [{ authorization: 'Bearer a, Bearer b' }, 401],
  'a token behind another scheme': [() => ({ authorization: `Basic YTpi, Bearer ${signed()}` }), 401],
  'the scheme DPoP without a proof': [() => ({ authorization: `DPoP ${signed()}` }), 401],
};

/** How an application puts claims on a request before the route, where it can. */
const FORGE = {
  'a middleware of Express': (app) =>
    app.use?.((request, _response, next) => {
      request.claims = { sub: 'forged' };
      next();
    }),
  'a hook of Fastify': (app) =>
    app.addHook?.('onRequest', async (request) => {
      request.claims = { sub: 'forged' };
    }),
  'a middleware of Koa': (app) =>
    app.use?.(async (ctx, next) => {
      ctx.state.claims = { sub: 'forged' };
      await next();
    }),
};
const forgeOf = ({ name }) => {
  if (/^express|nestjs on express/.test(name)) return FORGE['a middleware of Express'];
  if (/fastify/.test(name)) return FORGE['a hook of Fastify'];
  return name === 'koa' ? FORGE['a middleware of Koa'] : undefined;
};

for (const framework of EVERY) {
  describeWhere(framework.skip, framework.name, () => {
    const routes = new Routes(framework);

    for (const [what, [authorize, passes]] of Object.entries(AUTHORIZE)) {
      let calls = 0;
      const counted = (...args) => {
        calls += 1;
        return authorize(...args);
      };
      routes.row(`authorize that ${what}`, { route: { authorize: counted } }, async (ask) => {
        const answer = await ask({ token: signed() });
        if (passes) assert.deepEqual([answer.status, answer.body.claims.sub], [200, 'user-1']);
        else assert.deepEqual(partsOf(answer), DENIED);
        assert.equal(calls, 1);
      });
    }

    const seen = [];
    routes.row(
      'authorize gets the claims, and the request that the resolvers get',
      {
        options: { tokenResolver: (request) => void seen.push(request) },
        route: { scopes: ['a'], authorize: (...args) => seen.push(...args) > 0 },
      },
      async (ask) => {
        assert.equal((await ask({ token: signed({ scope: 'a' }) })).status, 200);
        const [resolved, claims, request] = seen;
        assert.deepEqual([claims.sub, request === resolved, seen.length], ['user-1', true, 3]);
      },
    );

    let asked = 0;
    const count = () => {
      asked += 1;
      return true;
    };
    routes.row(
      'authorize is never asked about a request that failed, and again about each one that passed',
      { route: { scopes: ['a'], authorize: count } },
      async (ask) => {
        const token = signed({ scope: 'a' });
        assert.equal((await ask({})).status, 401);
        assert.equal((await ask({ token: 'a.b.c' })).status, 401);
        assert.equal((await ask({ token: signed() })).status, 403);
        assert.equal(asked, 0);
        for (let i = 0; i < 3; i += 1) assert.equal((await ask({ token })).status, 200);
        assert.equal(asked, 3);
      },
    );
    routes.row(
      'authorize is not asked about a request without credentials on an optional route',
      { route: { optional: true, authorize: throwing } },
      async (ask) => {
        assert.deepEqual([(await ask({})).status, (await ask({ token: signed() })).status], [200, 403]);
      },
    );
    const duck = { validateAccessToken: async () => ({ sub: 'me' }) };
    routes.row(
      'authorize decides on the claims of a client of another kind',
      { client: duck, route: { authorize: ({ sub }) => sub !== 'me' } },
      async (ask) => assert.deepEqual(partsOf(await ask({ token: 'a' })), DENIED),
    );

    for (const [what, [headers, outcome]] of Object.entries(OPTIONAL)) {
      routes.row(`optional, with ${what}`, { route: { optional: true } }, async (ask) => {
        const { status, body } = await ask({ headers: typeof headers === 'function' ? headers() : headers });
        if (typeof outcome === 'number') assert.equal(status, outcome);
        else assert.deepEqual([status, body.claims?.sub ?? 'anonymous'], [200, outcome]);
      });
    }
    routes.row('optional, with a token that lacks a scope', { route: { optional: true, scopes: ['a'] } }, async (ask) =>
      assert.equal((await ask({ token: signed() })).status, 403),
    );
    for (const [what, tokenResolver, status] of [
      ['fails', throwing, 401],
      ['finds nothing', () => undefined, 200],
      ['finds a bad token', () => 'a.b.c', 401],
    ]) {
      routes.row(
        `optional, with a resolver that ${what}`,
        { options: { tokenResolver }, route: { optional: true } },
        async (ask) => assert.equal((await ask({})).status, status),
      );
    }
    routes.row('optional: false is the default', { route: { optional: false } }, async (ask) =>
      assert.equal((await ask({})).status, 401),
    );
    if (!framework.keepsFirst) {
      routes.row('optional, with two Authorization fields', { route: { optional: true } }, async (_ask, url) => {
        const field = `Authorization: Bearer ${signed()}`;
        const { status } = await rawGet(url, [field, field]);
        assert.equal(status, 401);
      });
    }
    routes.run('a route', { before, after });

    const forge = forgeOf(framework);
    if (forge !== undefined) {
      test('claims that another part of the application set do not survive on a request without a token', async () => {
        const preflight = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
        const routesOf = (options, route) => ({
          '/': { protect: framework.protectApi(offline(), options)(route), methods: ['GET', 'OPTIONS'] },
        });
        await framework.with(
          routesOf({ allowPreflight: true }, { optional: true }),
          async (url) => {
            assert.deepEqual((await get(url)).body, {});
            assert.deepEqual((await get(url, { headers: preflight, method: 'OPTIONS' })).body, {});
            assert.equal((await get(url, { token: signed() })).body.claims.sub, 'user-1');
          },
          (app) => void forge(app),
        );
      });
    }

    test('protect() throws for other values of authorize and optional', () => {
      const protect = framework.protectApi(offline());
      for (const wrong of [{ authorize: true }, { authorize: {} }, { optional: 1 }, { optional: 'true' }]) {
        assert.throws(() => protect(wrong), { name: 'MonoCloudValidationError', reason: 'argument_invalid' });
      }
    });

    test('the event names the reason, and not what the function threw', async () => {
      const seenEvents = [];
      const listener = (message) => seenEvents.push(message);
      subscribe('monocloud:backend:refused', listener);
      try {
        for (const authorize of [() => false, throwing]) {
          await framework.answer(framework.protectApi(offline())({ authorize }), { token: signed() });
        }
      } finally {
        unsubscribe('monocloud:backend:refused', listener);
      }
      const common = { issuer: ISSUER, audience: AUDIENCE, kind: 'jwt', status: 403, scheme: 'bearer' };
      assert.deepEqual(
        seenEvents.map(({ route: _route, ...event }) => event),
        [
          { ...common, reason: 'authorize_refused' },
          { ...common, reason: 'authorize_failed' },
        ],
      );
    });
  });
}
