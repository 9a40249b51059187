// Does `protectApi` work as documented on Express 4 and 5?

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import { ANSWERS, EXPRESS, partsOf } from '../support/frameworks.mjs';
import { close, get, open, request } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';
import { answersOf } from '../support/protect-answers.mjs';
import { credentialsOf } from '../support/protect-credentials.mjs';
import { preflightsOf } from '../support/protect-preflight.mjs';

for (const framework of EXPRESS) {
  answersOf(framework);
  credentialsOf(framework);
  preflightsOf(framework);

  describe(`${framework.name}: the middleware`, () => {
    const protect = (options, route) => framework.protectApi(offline(), options)(route);

    /** The response to `token` of a route behind `middleware`, and the arguments of every call of `next`. */
    async function nextsOf(middleware, token) {
      const nexts = [];
      const wrapped = (request, response, next) =>
        middleware(request, response, (...args) => {
          nexts.push(args);
          next(...args);
        });
      const answer = await framework.answer(wrapped, { token });
      return { ...answer, nexts };
    }

    test('calls next once and without an argument when the token is good, sync or async', async () => {
      for (const options of [undefined, { tokenResolver: () => undefined }]) {
        const middleware = protect(options);
        const { status, nexts } = await nextsOf(middleware, signed());
        assert.deepEqual([status, nexts], [200, [[]]]);
      }
    });

    test('never calls next when it sends the response itself, not even with an error', async () => {
      const down = framework.protectApi(offline({ jwksResolver: () => Promise.reject(new Error('down')) }))();
      const throwing = protect({ tokenResolver: () => Promise.reject(new Error('canary')) });
      for (const [middleware, token, expected] of [
        [protect(), undefined, 401],
        [protect(), 'a.b.c', 401],
        [protect(undefined, { scopes: ['a'] }), signed(), 403],
        [down, signed(), 503],
        [throwing, signed(), 401],
      ]) {
        const { status, nexts } = await nextsOf(middleware, token);
        assert.deepEqual([status, nexts], [expected, []]);
      }
    });

    test('protects what comes after it: a router, and every route of an app', async () => {
      const handlers = [];
      await framework.with(
        {
          '/a': {
            protect: (_request, _response, next) => next(),
            handler: ({ claims }) => {
              handlers.push(claims);
              return { claims };
            },
          },
        },
        async (url) => {
          assert.deepEqual(partsOf(await get(`${url}/a`)), ANSWERS.unauthorized('Bearer'));
          assert.deepEqual(partsOf(await get(`${url}/absent`)), ANSWERS.unauthorized('Bearer'));
          assert.deepEqual(handlers, []);
          assert.equal((await get(`${url}/a`, { token: signed() })).status, 200);
          assert.equal(handlers[0].sub, 'user-1');
        },
        (app) => app.use(protect()),
      );
    });

    for (const [how, options] of [
      ['at once', undefined],
      ['later', { tokenResolver: async () => undefined }],
    ]) {
      test(`does not catch what the handler throws after it passed ${how}`, async () => {
        const thrown = new Error('of the handler');
        const seen = [];
        await framework.with(
          {},
          async (url) => {
            const answer = partsOf(await get(`${url}/`, { token: signed() }));
            assert.deepEqual(answer, { status: 418, body: { own: true }, challenge: undefined, retryAfter: undefined });
            assert.deepEqual(seen, [thrown]);
          },
          (app) => {
            app.get('/', protect(options), () => {
              throw thrown;
            });
            app.use((error, _request, response, _next) => {
              seen.push(error);
              response.status(418).json({ own: true });
            });
          },
        );
      });
    }

    test('leaves claims on no request that it refused', async () => {
      let claims = 'unseen';
      await framework.with(
        { '/': { protect: protect(undefined, { scopes: ['a'] }) } },
        async (url) => {
          assert.equal((await get(url, { token: signed() })).status, 403);
          assert.equal(claims, undefined);
        },
        (app) =>
          app.use((request, response, next) => {
            response.on('finish', () => {
              ({ claims } = request);
            });
            next();
          }),
      );
    });

    test('does not change a response that the application sent meanwhile', async () => {
      const tokenResolver = async ({ res }) => {
        res.status(408).json({ message: 'too late' });
      };
      const errors = [];
      await framework.with(
        {},
        async (url) => {
          const { status, body } = await get(url);
          assert.deepEqual([status, body, errors], [408, { message: 'too late' }, []]);
        },
        (app) => {
          app.get('/', protect({ tokenResolver }), () => assert.fail('the handler ran'));
          app.use((error, _request, _response, _next) => errors.push(error));
        },
      );
    });

    test('lets no request through that became a preflight by a method override', async () => {
      const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
      const route = {
        '/': { protect: protect({ allowPreflight: true }), handler: () => assert.fail('it was let in') },
      };
      await framework.with(
        route,
        async (url) => {
          const { status } = await request(`${url}/?_method=OPTIONS`, { method: 'POST', headers });
          assert.equal(status, 401);
        },
        (app) =>
          app.use((received, _response, next) => {
            // Does the same as `method-override`.
            received.originalMethod ??= received.method;
            received.method = received.query._method;
            next();
          }),
      );
    });

    test('gives each request claims of its own', async () => {
      const token = signed({ list: [1] });
      const handler = ({ claims }) => {
        claims.list.push(2);
        return claims.list;
      };
      await framework.with({ '/': { protect: protect(), handler } }, async (url) => {
        const bodies = await Promise.all(Array.from({ length: 5 }, async () => (await get(url, { token })).body));
        assert.deepEqual(
          bodies,
          Array.from({ length: 5 }, () => [1, 2]),
        );
      });
    });
  });
}

test('the middleware needs no more than the requests and responses of node:http', async () => {
  const middleware = EXPRESS[0].protectApi(offline())({ scopes: ['a'] });
  const server = await open(
    http.createServer((request, response) => middleware(request, response, () => response.end(request.claims.sub))),
    { port: 0, host: '127.0.0.1' },
  );
  try {
    const ask = async (token) => get(`http://127.0.0.1:${server.address().port}`, { token });
    assert.deepEqual(partsOf(await ask()), ANSWERS.unauthorized('Bearer'));
    assert.deepEqual(partsOf(await ask(signed())), ANSWERS.forbidden('Bearer error="insufficient_scope", scope="a"'));
    assert.deepEqual((({ status, body }) => [status, body])(await ask(signed({ scope: 'a' }))), [200, 'user-1']);
  } finally {
    await close(server);
  }
});
