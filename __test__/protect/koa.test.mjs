// Does the middleware of `./koa` work as documented among other middleware of an app?

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';

import Koa from 'koa';
import { fromHeader } from '@monocloud/backend-node/certificates';
import { protectApi } from '@monocloud/backend-node/koa';

import { ANSWERS, partsOf } from '../support/frameworks.mjs';
import { close, get, open, readBody, request } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';
import { rawGet } from '../support/raw-http.mjs';

const unauthorized = ANSWERS.unauthorized('Bearer');
const failing = () => Promise.reject(new Error('canary'));

/** Runs `use` with the URL of an app with this middleware, and with the errors that its `error` event reported. */
async function serve(middleware, use) {
  const app = new Koa();
  const errors = [];
  app.on('error', (error) => errors.push(error));
  for (const each of middleware) app.use(each);
  const server = await open(http.createServer(app.callback()), { port: 0, host: '127.0.0.1' });
  try {
    return await use(`http://127.0.0.1:${server.address().port}`, errors);
  } finally {
    await close(server);
  }
}

const answerClaims = (ctx) => {
  ctx.body = { claims: ctx.state.claims };
};

describe('the middleware', () => {
  test('sets ctx.state.claims and nothing else, and calls next once', async () => {
    let nexts = 0;
    const handler = (ctx) => {
      nexts += 1;
      ctx.body = { claims: ctx.state.claims.sub, names: [ctx.claims, ctx.request.claims, ctx.req.claims] };
    };
    await serve([protectApi(offline())(), handler], async (url) => {
      const { body } = await get(url, { token: signed() });
      assert.deepEqual([body, nexts], [{ claims: 'user-1', names: [null, null, null] }, 1]);
    });
  });

  test('never throws to reject a request, and never calls next for one', async () => {
    for (const [middleware, token, expected] of [
      [protectApi(offline())(), undefined, unauthorized],
      [protectApi(offline())(), 'a.b.c', ANSWERS.invalid('Token is malformed')],
      [protectApi(offline())({ groups: ['g'] }), signed(), ANSWERS.forbidden('Bearer error="insufficient_scope"')],
      [protectApi(offline({ jwksResolver: failing }))(), signed(), ANSWERS.unavailable('5')],
      [
        protectApi(offline(), { tokenResolver: failing })(),
        signed(),
        ANSWERS.unauthorized('Bearer error="invalid_token"'),
      ],
      [protectApi({ validateAccessToken: failing })(), signed(), ANSWERS.internal()],
    ]) {
      await serve([middleware, () => assert.fail('the handler ran')], async (url, errors) => {
        assert.deepEqual(partsOf(await get(url, { token })), expected);
        assert.deepEqual(errors, []);
      });
    }
  });

  test('lets earlier middleware see the response and add headers', async () => {
    const seen = [];
    const early = async (ctx, next) => {
      ctx.set('Access-Control-Allow-Origin', '*');
      await next();
      seen.push(ctx.status, ctx.body);
      ctx.set('X-Late', '1');
    };
    await serve([early, protectApi(offline())()], async (url) => {
      const { status, headers } = await get(url);
      assert.deepEqual([status, headers['access-control-allow-origin'], headers['x-late']], [401, '*', '1']);
      assert.deepEqual(seen, [401, '{"message":"unauthorized"}']);
    });
  });

  test('does not catch what the handler throws, at once or later', async () => {
    for (const handler of [
      () => {
        throw new Error('of the handler');
      },
      async () => {
        throw new Error('of the handler');
      },
    ]) {
      await serve([protectApi(offline())(), handler], async (url, errors) => {
        assert.equal((await get(url, { token: signed() })).status, 500);
        assert.deepEqual(
          errors.map(({ message }) => message),
          ['of the handler'],
        );
      });
    }
  });

  test('does not change a response that the application sent meanwhile', async () => {
    const tokenResolver = async (ctx) => {
      ctx.res.writeHead(408);
      ctx.res.end('too late');
    };
    await serve([protectApi(offline(), { tokenResolver })()], async (url, errors) => {
      const { status, body } = await get(url);
      assert.deepEqual([status, body, errors], [408, 'too late', []]);
    });
  });

  test('lets nobody in if the claims cannot be set', async () => {
    const frozen = (ctx, next) => {
      ctx.state = Object.freeze({});
      return next();
    };
    const noState = (ctx, next) => {
      ctx.state = undefined;
      return next();
    };
    for (const first of [frozen, noState]) {
      const handler = () => assert.fail('the handler ran');
      await serve([first, protectApi(offline())(), handler], async (url, errors) => {
        assert.deepEqual(partsOf(await get(url, { token: signed() })), ANSWERS.internal());
        assert.deepEqual(errors, []);
      });
    }
  });

  test('leaves the body to the handler', async () => {
    const echo = async (ctx) => {
      ctx.body = await readBody(ctx.req);
    };
    await serve([protectApi(offline())(), echo], async (url) => {
      const headers = { authorization: `Bearer ${signed()}` };
      assert.equal((await request(url, { method: 'POST', headers, body: 'text' })).body, 'text');
    });
  });

  test('gives resolvers the context', async () => {
    const tokenResolver = (ctx) => ctx.cookies.get('token');
    await serve([protectApi(offline(), { tokenResolver })(), answerClaims], async (url) => {
      const { body } = await get(url, { headers: { cookie: `token=${signed()}` } });
      assert.equal(body.claims.sub, 'user-1');
    });
  });

  test('has no certificate from a header that arrived twice', async () => {
    const seen = [];
    const resolver = fromHeader('x-client-cert');
    const look = (ctx) => {
      seen.push(resolver(ctx));
      ctx.body = '';
    };
    await serve([look], async (url) => {
      const line = 'X-Client-Cert: MAMCAQU=';
      await rawGet(url, [line]);
      await rawGet(url, [line, line]);
    });
    assert.deepEqual(seen, ['MAMCAQU=', undefined]);
  });
});
