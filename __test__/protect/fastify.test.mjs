// Does `protectApi` work as documented on Fastify 4 and 5?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ANSWERS, FASTIFY, partsOf } from '../support/frameworks.mjs';
import { get } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';
import { answersOf } from '../support/protect-answers.mjs';
import { credentialsOf } from '../support/protect-credentials.mjs';
import { preflightsOf } from '../support/protect-preflight.mjs';
import { describeWhere } from '../support/suite.mjs';

for (const framework of FASTIFY) {
  answersOf(framework);
  credentialsOf(framework);
  preflightsOf(framework);

  describeWhere(framework.skip, `${framework.name}: the hook`, () => {
    const protect = (options, route) => framework.protectApi(offline(), options)(route);
    const unauthorized = ANSWERS.unauthorized('Bearer');

    test('by addHook protects every later route, and unknown routes', async () => {
      await framework.with(
        {},
        async (url) => {
          assert.equal((await get(`${url}/before`)).status, 200);
          assert.deepEqual(partsOf(await get(`${url}/after`)), unauthorized);
          assert.equal((await get(`${url}/after`, { token: signed() })).body.sub, 'user-1');
        },
        async (app) => {
          await app.register(async (open) => open.get('/before', async () => ({})));
          await app.register(async (closed) => {
            closed.addHook('onRequest', protect());
            closed.get('/after', async ({ claims }) => claims);
          });
        },
      );
    });

    test('is encapsulated: each plugin has its own', async () => {
      const make = framework.protectApi(offline());
      const plugin = (prefix, route) => [
        async (instance) => {
          instance.addHook('onRequest', make(route));
          instance.get('/', async ({ claims }) => claims);
        },
        { prefix },
      ];
      await framework.with(
        { '/open': { protect: [], handler: () => 'open' } },
        async (url) => {
          const status = async (path, scope) => (await get(url + path, { token: signed({ scope }) })).status;
          assert.deepEqual(
            await Promise.all([status('/a', 'a'), status('/a', 'b'), status('/b', 'a'), status('/b', 'b')]),
            [200, 403, 403, 200],
          );
          assert.equal((await get(`${url}/open`)).status, 200);
        },
        async (app) => {
          await app.register(...plugin('/a', { scopes: ['a'] }));
          await app.register(...plugin('/b', { scopes: ['b'] }));
        },
      );
    });

    for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler']) {
      test(`works as ${hook}, alone and among others`, async () => {
        const order = [];
        const note = (name) => async () => {
          order.push(name);
        };
        await framework.with(
          {},
          async (url) => {
            assert.deepEqual(partsOf(await get(url)), unauthorized);
            assert.deepEqual(order, ['first']);
            assert.equal((await get(url, { token: signed() })).body.sub, 'user-1');
            assert.deepEqual(order, ['first', 'first', 'second', 'handler']);
          },
          (app) => {
            app.get('/', { [hook]: [note('first'), protect(), note('second')] }, async ({ claims }) => {
              order.push('handler');
              return claims;
            });
          },
        );
      });
    }

    test('that refuses sends once, and the handler never runs', async () => {
      const events = [];
      const log = {
        level: 'warn',
        info() {},
        debug() {},
        trace() {},
        warn: (...args) => events.push(args),
        error: (...args) => events.push(args),
        fatal() {},
      };
      log.child = () => log;
      let sends = 0;
      const { default: fastify } = await import(framework.name);
      const app = fastify(framework.name === 'fastify' ? { loggerInstance: log } : { logger: log });
      app.addHook('onSend', async () => {
        sends += 1;
      });
      for (const [path, options] of [
        ['/sync', undefined],
        ['/async', { tokenResolver: async () => undefined }],
      ]) {
        app.get(path, { onRequest: protect(options) }, async () => assert.fail('the handler ran'));
      }
      try {
        for (const url of ['/sync', '/async']) {
          const { statusCode, headers } = await app.inject({ url });
          assert.deepEqual(
            [statusCode, headers['www-authenticate'], headers['content-type']],
            [401, 'Bearer', 'application/json; charset=utf-8'],
          );
        }
        assert.deepEqual([sends, events], [2, []]);
      } finally {
        await app.close();
      }
    });

    test('takes a request made by inject like one from a socket', async () => {
      const { default: fastify } = await import(framework.name);
      const app = fastify();
      app.get('/', { onRequest: protect() }, async ({ claims }) => claims);
      try {
        const { statusCode, body } = await app.inject({ url: '/', headers: { Authorization: `Bearer ${signed()}` } });
        assert.deepEqual([statusCode, JSON.parse(body).sub], [200, 'user-1']);
      } finally {
        await app.close();
      }
    });

    test('does not catch what the handler throws', async () => {
      const seen = [];
      await framework.with(
        {},
        async (url) => {
          const { status, body } = partsOf(await get(url, { token: signed() }));
          assert.deepEqual(
            [status, body, seen.map(({ message }) => message)],
            [418, { own: true }, ['of the handler']],
          );
        },
        (app) => {
          app.setErrorHandler(async (error, _request, reply) => {
            seen.push(error);
            return reply.status(418).send({ own: true });
          });
          app.get('/', { onRequest: protect() }, async () => {
            throw new Error('of the handler');
          });
        },
      );
    });

    test('never reaches the error handler with a refusal', async () => {
      const make = (client, options, route) => framework.protectApi(client, options)(route);
      await framework.with(
        {
          '/scopes': { protect: protect(undefined, { scopes: ['a'] }) },
          '/down': { protect: make(offline({ jwksResolver: () => Promise.reject(new Error('down')) })) },
          '/resolver': { protect: protect({ tokenResolver: () => Promise.reject(new Error('canary')) }) },
        },
        async (url) => {
          const statuses = await Promise.all(
            ['/scopes', '/down', '/resolver'].map(async (path) => (await get(url + path, { token: signed() })).status),
          );
          assert.deepEqual(statuses, [403, 503, 401]);
        },
        (app) => app.setErrorHandler(() => assert.fail('the error handler ran')),
      );
    });

    test('does not change a response that the application sent meanwhile', async () => {
      const tokenResolver = async (request) => {
        request.raw.reply.status(408).send({ message: 'too late' });
      };
      const keep = async (request, reply) => {
        request.raw.reply = reply;
      };
      await framework.with({ '/': { protect: [keep, protect({ tokenResolver })] } }, async (url) => {
        const { status, body } = await get(url);
        assert.deepEqual([status, body], [408, { message: 'too late' }]);
      });
    });

    test('gives each request claims of its own, also where the app decorates its requests', async () => {
      const token = signed({ list: [1] });
      const handler = ({ claims }) => {
        claims.list.push(2);
        return claims.list;
      };
      await framework.with(
        { '/': { protect: protect(), handler } },
        async (url) => {
          const bodies = await Promise.all(Array.from({ length: 5 }, async () => (await get(url, { token })).body));
          assert.deepEqual(
            bodies,
            Array.from({ length: 5 }, () => [1, 2]),
          );
        },
        (app) => {
          app.decorateRequest('claims', null);
        },
      );
    });
  });
}
