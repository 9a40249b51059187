// What does the error handler of a framework get with `delegate`, and what does the client receive?

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import { MonoCloudTokenError } from '@monocloud/backend-node';
import * as expressShim from '@monocloud/backend-node/express';

import { CONNECT, KOA } from '../support/adapters.mjs';
import { EXPRESS, FASTIFY, partsOf } from '../support/frameworks.mjs';
import { close, get, open } from '../support/http.mjs';
import { NEST } from '../support/nest.mjs';
import { offline, signed } from '../support/offline.mjs';
import { describeWhere } from '../support/suite.mjs';

const EXPIRED = 'Bearer error="invalid_token", error_description="Token has expired"';
const expired = () => ({ token: signed({ exp: 1 }) });

/** One route with `delegate`. `handler` of the application fails the test if it runs. */
const serving = (framework, options, configure, use, route) => {
  const handler = () => assert.fail('the route ran');
  const protect = framework.protectApi(offline(), { delegate: true, ...options })(route);
  return framework.with({ '/': { protect, handler } }, use, configure);
};

const quiet = (app) => app.set?.('env', 'test');

/** What is the same in the error of every framework. */
function checkError(error, { body = { message: 'unauthorized' }, headers = { 'WWW-Authenticate': EXPIRED } } = {}) {
  assert.ok(error instanceof Error);
  const { name, message, status, statusCode, expose, reason, cause, stack } = error;
  assert.deepEqual(
    { name, message, status, statusCode, expose, reason, stack },
    {
      name: 'MonoCloudRefusalError',
      message: 'unauthorized',
      status: 401,
      statusCode: 401,
      expose: true,
      reason: 'expired',
      stack: 'MonoCloudRefusalError: unauthorized',
    },
  );
  assert.deepEqual(error.headers, headers);
  assert.deepEqual(error.body, body);
  assert.ok(!('code' in error));
  assert.ok(cause instanceof MonoCloudTokenError);
  assert.equal(cause.reason, 'expired');
}

for (const framework of [...EXPRESS, ...FASTIFY, ...KOA, ...CONNECT]) {
  describeWhere(framework.skip, framework.name, () => {
    test('the error handler of the framework keeps the status and the challenge', () =>
      serving(framework, {}, quiet, async (url) => {
        for (const request of [{}, expired()]) {
          const { status, challenge } = partsOf(await get(url, request));
          assert.deepEqual([status, challenge], [401, request.token === undefined ? 'Bearer' : EXPIRED]);
        }
      }));

    test('it keeps Retry-After in an outage', () => {
      const client = offline({ jwksResolver: () => Promise.reject(new Error('down')) });
      const protect = framework.protectApi(client, { delegate: true })();
      return framework.with(
        { '/': { protect } },
        async (url) => {
          const { status, retryAfter } = partsOf(await get(url, { token: signed() }));
          assert.deepEqual([status, retryAfter], [503, '5']);
        },
        quiet,
      );
    });

    test('a request with a good token passes as ever', async () => {
      const protect = framework.protectApi(offline(), { delegate: true })();
      const { status, body } = await framework.answer(protect, { token: signed() });
      assert.deepEqual([status, body.claims.sub], [200, 'user-1']);
    });
  });
}

for (const framework of EXPRESS) {
  describeWhere(framework.skip, `${framework.name}: an error handler of the application`, () => {
    /** Routes of Express come before the error handler, so the middleware is mounted by hand. */
    async function withHandler(onError, options, use) {
      const { default: express } = await import(framework.name);
      const app = express();
      app.set('env', 'test');
      let runs = 0;
      app.get('/', expressShim.protectApi(offline(), { delegate: true, ...options })(), (request, response) => {
        runs += 1;
        response.json({ claims: request.claims ?? 'none' });
      });
      app.use(onError);
      app.use((request, response) => response.json({ claims: request.claims ?? 'none' }));
      const server = http.createServer(app);
      await open(server, { port: 0, host: '127.0.0.1' });
      try {
        await use(`http://127.0.0.1:${server.address().port}`);
      } finally {
        await close(server);
      }
      return runs;
    }

    for (const [how, options] of [
      ['at once', {}],
      ['later', { tokenResolver: async () => undefined }],
      ['after onRefused', { onRefused: () => {} }],
    ]) {
      test(`gets the error ${how}, once`, async () => {
        const errors = [];
        const onError = (error, _request, response, _next) => {
          errors.push(error);
          response.status(error.status).json(error.body);
        };
        const runs = await withHandler(onError, options, async (url) => {
          const { status, body, challenge } = partsOf(await get(url, expired()));
          assert.deepEqual([status, body, challenge], [401, { message: 'unauthorized' }, EXPIRED]);
        });
        assert.deepEqual([errors.length, runs], [1, 0]);
        checkError(errors[0]);
      });
    }

    test('gets the body and the headers of onRefused, and those of a problem', async () => {
      const errors = [];
      const onError = (error, _request, response, _next) => {
        errors.push(error);
        response.status(error.status).json(error.body);
      };
      const onRefused = () => ({ body: { a: 1 }, headers: { 'x-trace': 'b' } });
      await withHandler(onError, { onRefused }, async (url) => {
        const { body, headers } = await get(url, expired());
        assert.deepEqual([body, headers['x-trace']], [{ a: 1 }, 'b']);
      });
      checkError(errors[0], { body: { a: 1 }, headers: { 'WWW-Authenticate': EXPIRED, 'x-trace': 'b' } });
      await withHandler(onError, { body: 'problem' }, async (url) =>
        assert.equal((await get(url, expired())).body.code, 'invalid_token'),
      );
    });

    test('that throws answers 500, and the route does not run', async () => {
      const onError = (_error, _request, _response, _next) => {
        throw new Error('handler');
      };
      const runs = await withHandler(onError, {}, async (url) => assert.equal((await get(url, expired())).status, 500));
      assert.equal(runs, 0);
    });

    test('that calls next() lets the request on, without claims', async () => {
      const runs = await withHandler(
        (_error, _request, _response, next) => next(),
        {},
        async (url) => assert.deepEqual((await get(url, expired())).body, { claims: 'none' }),
      );
      assert.equal(runs, 0);
    });

    test('is not called if onRefused sent a response', async () => {
      const onRefused = (_refusal, _request, response) => response.status(418).json({ mine: true });
      const onError = () => assert.fail('the error handler ran');
      const runs = await withHandler(onError, { onRefused }, async (url) =>
        assert.deepEqual((await get(url, expired())).body, { mine: true }),
      );
      assert.equal(runs, 0);
    });
  });
}

for (const framework of FASTIFY) {
  describeWhere(framework.skip, `${framework.name}: an error handler of the application`, () => {
    test('gets the error, and the headers are on the reply', async () => {
      const errors = [];
      const configure = (app) =>
        void app.setErrorHandler((error, _request, reply) => {
          errors.push(error);
          return reply.status(error.statusCode).send(error.body);
        });
      await serving(framework, {}, configure, async (url) => {
        const { status, body, challenge } = partsOf(await get(url, expired()));
        assert.deepEqual([status, body, challenge], [401, { message: 'unauthorized' }, EXPIRED]);
      });
      checkError(errors[0]);
    });

    for (const [what, onRefused] of [
      ['sends', (_refusal, _request, reply) => reply.code(418).send({ mine: true })],
      ['sends, and returns nothing,', (_refusal, _request, reply) => void reply.code(418).send({ mine: true })],
      ['sends later', async (_refusal, _request, reply) => reply.code(418).send({ mine: true })],
    ]) {
      test(`a response that onRefused ${what} waits for its hooks, and is the only one`, async () => {
        let sends = 0;
        const configure = (app) =>
          void app.addHook('onSend', async (_request, _reply, payload) => {
            sends += 1;
            await new Promise((resolve) => {
              setImmediate(resolve);
            });
            return payload;
          });
        await serving(framework, { onRefused, delegate: false }, configure, async (url) => {
          const { status, body } = await get(url, expired());
          assert.deepEqual([status, body], [418, { mine: true }]);
        });
        assert.equal(sends, 1);
      });
    }
  });
}

for (const framework of KOA) {
  describeWhere(framework.skip, `${framework.name}: a middleware that catches errors`, () => {
    test('gets the error', async () => {
      const errors = [];
      const configure = (app) =>
        void app.use(async (ctx, next) => {
          try {
            await next();
          } catch (error) {
            errors.push(error);
            ctx.status = error.status;
            ctx.set(error.headers);
            ctx.body = error.body;
          }
        });
      await serving(framework, {}, configure, async (url) => {
        const { status, body, challenge } = partsOf(await get(url, expired()));
        assert.deepEqual([status, body, challenge], [401, { message: 'unauthorized' }, EXPIRED]);
      });
      checkError(errors[0]);
    });
  });
}

for (const framework of NEST) {
  describeWhere(framework.skip, `${framework.name}: an exception filter`, () => {
    test('gets the exception as ever, with the cause', async () => {
      const exceptions = [];
      const configure = (_instance, app) =>
        void app.useGlobalFilters({
          catch(exception, host) {
            exceptions.push(exception);
            const response = host.switchToHttp().getResponse();
            response.status(exception.getStatus()).send(exception.getResponse());
          },
        });
      await serving(framework, {}, configure, async (url) => {
        const { status, body, challenge } = partsOf(await get(url, expired()));
        assert.deepEqual([status, body, challenge], [401, { message: 'unauthorized' }, EXPIRED]);
      });
      assert.equal(exceptions[0].name, 'UnauthorizedException');
      assert.ok(exceptions[0].cause instanceof MonoCloudTokenError);
    });
  });
}

describe('in Restify', () => {
  for (const [what, options, expected] of [
    ['delegate calls next with the error', { delegate: true }, ['error 401']],
    ['onRefused that sends a response ends the chain', { onRefused: (_a, _b, response) => response.end('mine') }, []],
    ['onRefused that returns later ends the chain', { onRefused: async () => ({ body: 'mine' }) }, []],
  ]) {
    test(`${what}, and the route never runs`, async () => {
      const calls = [];
      /** As `lib/chain.js` of Restify 11: `next` runs when a returned promise resolves. */
      const server = http.createServer((request, response) => {
        Object.assign(request, { startHandlerTimer() {}, endHandlerTimer() {} });
        const next = (error) => {
          calls.push(error ? `error ${error.statusCode}` : 'route');
          if (!response.writableEnded) response.end();
        };
        const result = expressShim.protectApi(offline(), options)()(request, response, next);
        if (result && typeof result.then === 'function') result.then(next, next);
      });
      await open(server, { port: 0, host: '127.0.0.1' });
      try {
        await get(`http://127.0.0.1:${server.address().port}`);
        assert.deepEqual(calls, expected);
      } finally {
        await close(server);
      }
    });
  }
});
