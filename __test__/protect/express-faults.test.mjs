// What does the middleware do if the application or the connection fails? Express 4 ignores a middleware's promise,
// so a rejection would end the process (and fail the test here).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { describe, test } from 'node:test';

import { ANSWERS, EXPRESS, partsOf } from '../support/frameworks.mjs';
import { close, get, open } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';

const WAYS = { 'at once': undefined, later: { tokenResolver: async () => undefined } };

/** Reasons why `request.claims = …` may fail. */
const OBSTACLES = {
  'has a setter that throws': (received) =>
    Object.defineProperty(received, 'claims', {
      get: () => ({ sub: 'somebody' }),
      set() {
        throw new Error('canary');
      },
    }),
  'has a getter alone': (received) => Object.defineProperty(received, 'claims', { get: () => ({ sub: 'somebody' }) }),
  'is a proxy that allows nothing': (received) => new Proxy(received, { set: () => false }),
};

for (const framework of EXPRESS) {
  for (const [when, options] of Object.entries(WAYS)) {
    describe(`${framework.name}: the middleware that decides ${when}`, () => {
      const protect = (client = offline()) => framework.protectApi(client, options)();
      const token = signed();

      for (const [what, obstruct] of Object.entries(OBSTACLES)) {
        test(`answers 500 to a good token when the request ${what}, and lets nobody in`, async () => {
          const middleware = protect();
          await framework.with(
            {},
            async (url) => {
              assert.deepEqual(partsOf(await get(`${url}/broken`, { token })), ANSWERS.internal());
              assert.deepEqual(partsOf(await get(`${url}/broken`)), ANSWERS.unauthorized('Bearer'));
              assert.equal((await get(`${url}/whole`, { token })).status, 200);
            },
            (app) => {
              const never = () => assert.fail('somebody was let in');
              app.get('/broken', (received, response, next) => middleware(obstruct(received), response, next), never);
              app.get('/whole', middleware, (received, response) => response.json(received.claims));
              app.use((_error, _received, _response, _next) => assert.fail('the error handler ran'));
            },
          );
        });
      }

      test('hands what next throws to the application, once', async () => {
        const thrown = new Error('of next');
        const seen = [];
        const middleware = protect();
        await framework.with(
          {},
          async (url) => {
            assert.equal((await get(url, { token })).status, 418);
            assert.deepEqual(seen, [thrown]);
          },
          (app) => {
            app.use((received, response, next) =>
              middleware(received, response, (error) => {
                if (error) return next(error);
                throw thrown;
              }),
            );
            app.use((error, _received, response, _next) => {
              seen.push(error);
              response.status(418).end();
            });
          },
        );
      });

      test('does not call a next without an error parameter twice: the middleware’s promise rejects', async () => {
        const thrown = new Error('of next');
        let calls = 0;
        const next = () => {
          calls += 1;
          throw thrown;
        };
        const headers = { authorization: `Bearer ${token}` };
        const run = async () => protect()({ headers, rawHeaders: [] }, {}, next);
        await assert.rejects(run(), thrown);
        assert.equal(calls, 1);
      });

      test('ends the connection when a refusal cannot be written, and throws nothing', async () => {
        const middleware = protect();
        await framework.with(
          {},
          async (url) => {
            await assert.rejects(get(url), { code: 'ECONNRESET' });
            assert.equal((await get(`${url}/whole`)).status, 401);
          },
          (app) => {
            app.get(
              '/',
              (received, response, next) => {
                response.setHeader = () => {
                  throw new Error('canary');
                };
                middleware(received, response, next);
              },
              () => assert.fail('somebody was let in'),
            );
            app.get('/whole', middleware);
            app.use((_error, _received, _response, _next) => assert.fail('the error handler ran'));
          },
        );
      });
    });
  }
}

for (const [what, leave] of Object.entries({
  'was closed': (stream) => stream.close(),
  'was destroyed': (stream) => stream.destroy(),
})) {
  test(`a refusal for an HTTP/2 stream that ${what} meanwhile is dropped`, async () => {
    const middleware = EXPRESS[0].protectApi(offline(), {
      tokenResolver: async ({ stream }) => {
        leave(stream);
        await once(stream, 'close');
      },
    })();
    let outcome;
    const server = http2.createServer((received, response) => {
      outcome = middleware(received, response, () => assert.fail('somebody was let in'));
    });
    await open(server, { port: 0, host: '127.0.0.1' });
    const session = http2.connect(`http://127.0.0.1:${server.address().port}`);
    try {
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {});
      await once(stream, 'close');
      assert.equal(await outcome, undefined);
    } finally {
      session.destroy();
      await close(server);
    }
  });
}

test('claims are never what is no object, whatever a client gives', async () => {
  for (const framework of EXPRESS) {
    for (const odd of [undefined, null, true, 'claims', 1, () => ({})]) {
      const protect = framework.protectApi({ validateAccessToken: async () => odd })();
      const { status } = await framework.answer(protect, {
        token: 'x',
        handler: () => assert.fail('somebody was let in'),
      });
      assert.ok([401, 500].includes(status));
    }
  }
});
