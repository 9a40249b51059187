// How do a route's schemas, serializers and hooks treat a rejection, on Fastify 4 and 5?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ANSWERS, FASTIFY, partsOf } from '../support/frameworks.mjs';
import { get } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';
import { describeWhere } from '../support/suite.mjs';

/** A schema that no rejection matches. */
const OTHER = {
  type: 'object',
  required: ['code', 'trace'],
  properties: { code: { type: 'integer' }, trace: { type: 'string' } },
  additionalProperties: false,
};
const ANY_STATUS = {
  200: { type: 'object', properties: { sub: { type: 'string' } } },
  '4xx': OTHER,
  '5xx': OTHER,
  default: OTHER,
};

for (const framework of FASTIFY) {
  describeWhere(framework.skip, `${framework.name}: a refusal`, () => {
    const forbidden = ANSWERS.forbidden('Bearer error="insufficient_scope", scope="a"');
    const unavailable = ANSWERS.unavailable('5');
    const internal = ANSWERS.internal();
    const down = () => offline({ jwksResolver: () => Promise.reject(new Error('down')) });
    const broken = { validateAccessToken: () => Promise.reject(new Error('broken')) };

    /** Serves one route per response, with these route `options`, and requests them all. */
    async function askAll(options, configure) {
      const make = (client, route, given) => framework.protectApi(client, given)(route);
      const routes = {
        '/none': make(offline()),
        '/later': make(offline(), undefined, { tokenResolver: async () => undefined }),
        '/scope': make(offline(), { scopes: ['a'] }),
        '/down': make(down()),
        '/broken': make(broken),
        '/good': make(offline()),
      };
      return framework.with(
        {},
        async (url) => {
          const answers = {};
          for (const path of Object.keys(routes)) {
            const token = ['/none', '/later'].includes(path) ? undefined : signed();
            answers[path] = partsOf(await get(url + path, { token }));
          }
          return answers;
        },
        async (app) => {
          await configure?.(app);
          for (const [path, onRequest] of Object.entries(routes)) {
            app.get(
              path,
              { ...options, onRequest: [options.before, onRequest].filter(Boolean) },
              async ({ claims }) => claims,
            );
          }
        },
      );
    }

    const refusals = {
      '/none': ANSWERS.unauthorized('Bearer'),
      '/later': ANSWERS.unauthorized('Bearer'),
      '/scope': forbidden,
      '/down': unavailable,
      '/broken': internal,
    };

    const asText = (value) => (typeof value === 'string' ? value : JSON.stringify({ changed: value }));
    for (const [what, options, configure] of [
      ['a schema for 401 alone', { schema: { response: { 401: OTHER } } }],
      ['schemas for every status', { schema: { response: ANY_STATUS } }],
      [
        'schemas by content type',
        { schema: { response: { '4xx': { content: { 'application/json': { schema: OTHER } } } } } },
      ],
      [
        'a serializer compiler of the route',
        { schema: { response: ANY_STATUS }, serializerCompiler: () => () => '"changed"' },
      ],
      [
        'a serializer compiler of the app',
        { schema: { response: ANY_STATUS } },
        (app) => app.setSerializerCompiler(() => () => '"changed"'),
      ],
      ['a reply serializer of the app', {}, (app) => app.setReplySerializer(asText)],
      [
        'a serializer that a hook set for the reply',
        {
          before: async (_request, reply) => {
            reply.serializer((value) => JSON.stringify({ changed: value }));
          },
        },
      ],
      ['a preSerialization hook', { preSerialization: async (_request, _reply, payload) => ({ changed: payload }) }],
      [
        'a content type that a hook set',
        {
          before: async (_request, reply) => {
            reply.type('text/html');
          },
        },
      ],
    ]) {
      test(`is the same behind ${what}`, async () => {
        const { '/good': _own, ...others } = await askAll(options, configure);
        assert.deepEqual(others, refusals);
      });
    }

    test('is a text for onSend hooks, and onResponse hooks are told of it', async () => {
      const [sent, told] = [[], []];
      await askAll({
        onSend: async (_request, reply, payload) => {
          sent.push([reply.statusCode, typeof payload, reply.getHeader('content-type')]);
          reply.header('x-rate-limit', '1');
          return payload;
        },
        onResponse: async (_request, reply) => {
          told.push(reply.statusCode);
        },
      });
      const statuses = [401, 401, 403, 503, 500, 200];
      assert.deepEqual(
        sent,
        statuses.map((status) => [status, 'string', 'application/json; charset=utf-8']),
      );
      assert.deepEqual(told, statuses);
    });

    test('keeps the headers that hooks before it set, CORS and cookies', async () => {
      const before = async (_request, reply) => {
        reply.header('Access-Control-Allow-Origin', 'https://app.example').header('Set-Cookie', ['a=1', 'b=2']);
        reply.raw.setHeader('X-Raw', 'kept');
      };
      await framework.with({ '/': { protect: [before, framework.protectApi(offline())()] } }, async (url) => {
        const { status, headers, body } = await get(url);
        assert.deepEqual([status, body], [401, { message: 'unauthorized' }]);
        assert.equal(headers['access-control-allow-origin'], 'https://app.example');
        assert.deepEqual([headers['set-cookie'], headers['x-raw']], [['a=1', 'b=2'], 'kept']);
      });
    });

    for (const [what, decorator] of Object.entries({
      'a getter alone': { getter: () => ({ sub: 'somebody' }) },
      'a setter that throws': {
        getter: () => ({ sub: 'somebody' }),
        setter() {
          throw new Error('canary');
        },
      },
    })) {
      test(`is a 500 where the app decorates its requests with ${what}, and the handler never runs`, async () => {
        for (const options of [undefined, { tokenResolver: async () => undefined }]) {
          const routes = {
            '/': { protect: framework.protectApi(offline(), options)(), handler: () => assert.fail('let in') },
          };
          await framework.with(
            routes,
            async (url) => {
              assert.deepEqual(partsOf(await get(url, { token: signed() })), internal);
              assert.deepEqual(partsOf(await get(url)), ANSWERS.unauthorized('Bearer'));
            },
            (app) => {
              app.decorateRequest('claims', decorator);
              app.setErrorHandler(() => assert.fail('the error handler ran'));
            },
          );
        }
      });
    }
  });
}
