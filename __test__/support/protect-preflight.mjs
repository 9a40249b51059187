// Which requests does `allowPreflight` let through? The same on every framework.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ANSWERS, partsOf } from './frameworks.mjs';
import { request } from './http.mjs';
import { offline, signed } from './offline.mjs';
import { rawRequest } from './raw-http.mjs';
import { describeWhere } from './suite.mjs';

const { invalid, unauthorized } = ANSWERS;
const ASKING = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
const LET_THROUGH = { status: 200, body: { hasClaims: false }, challenge: undefined, retryAfter: undefined };

export function preflightsOf(framework) {
  describeWhere(framework.skip, `${framework.name}: allowPreflight`, () => {
    const methods = ['OPTIONS', 'GET', 'POST', 'HEAD'];
    const handler = (received) => ({ hasClaims: received.claims !== undefined });
    const serve = (options, use, configure) => {
      const protect = framework.protectApi(offline(), options)({ scopes: ['a'] });
      return framework.with({ '/': { protect, handler, methods } }, use, configure);
    };
    const ask = async (url, method, headers, body) => partsOf(await request(url, { method, headers, body }));
    const allowing = { allowPreflight: true };

    test('lets a preflight through, without claims and without asking a resolver', async () => {
      const tokenResolver = () => assert.fail('was asked');
      await serve({ allowPreflight: true, tokenResolver }, async (url) => {
        assert.deepEqual(await ask(url, 'OPTIONS', ASKING), LET_THROUGH);
        assert.deepEqual(
          await ask(url, 'OPTIONS', { ...ASKING, 'access-control-request-headers': 'authorization' }),
          LET_THROUGH,
        );
        assert.deepEqual(await ask(url, 'OPTIONS', { ...ASKING, 'content-length': '0' }), LET_THROUGH);
      });
    });

    test('is off by default: a preflight is refused like any request without a token', async () => {
      for (const options of [undefined, {}, { allowPreflight: false }, { allowPreflight: null }]) {
        await serve(options, async (url) =>
          assert.deepEqual(await ask(url, 'OPTIONS', ASKING), unauthorized('Bearer')),
        );
      }
    });

    const without = (name) => Object.fromEntries(Object.entries(ASKING).filter(([other]) => other !== name));
    for (const [what, method, headers, body] of [
      ['a plain OPTIONS', 'OPTIONS', {}],
      ['an OPTIONS without Origin', 'OPTIONS', without('origin')],
      ['an OPTIONS with an empty Origin', 'OPTIONS', { ...ASKING, origin: '' }],
      ['an OPTIONS that asks for no method', 'OPTIONS', without('access-control-request-method')],
      [
        'an OPTIONS that asks for what is no method',
        'OPTIONS',
        { ...ASKING, 'access-control-request-method': 'GET, POST' },
      ],
      ['a GET with a preflight’s headers', 'GET', ASKING],
      ['a POST with a preflight’s headers', 'POST', ASKING],
      ['a POST that calls itself OPTIONS', 'POST', { ...ASKING, 'x-http-method-override': 'OPTIONS' }],
      ['an OPTIONS that wants to be another method', 'OPTIONS', { ...ASKING, 'x-http-method-override': 'POST' }],
      [
        'an OPTIONS that wants to be another method, by another header',
        'OPTIONS',
        { ...ASKING, 'x-method-override': 'POST' },
      ],
      [
        'an OPTIONS that wants to be another method, by a third header',
        'OPTIONS',
        { ...ASKING, 'x-http-method': 'POST' },
      ],
      ['an OPTIONS with a cookie', 'OPTIONS', { ...ASKING, cookie: 'a=b' }],
      ['an OPTIONS with content', 'OPTIONS', { ...ASKING, 'content-length': '2' }, '{}'],
      ['an OPTIONS with chunks', 'OPTIONS', { ...ASKING, 'transfer-encoding': 'chunked' }],
    ]) {
      test(`protects ${what} as ever`, async () => {
        // Fastify reads the body before a guard of NestJS runs, and rejects a type that it does not know.
        const expected = framework.readsFirst && (body || headers['transfer-encoding']) ? 415 : 401;
        await serve(allowing, async (url) =>
          assert.equal((await request(url, { method, headers, body })).status, expected),
        );
      });
    }

    test('protects a preflight with a token as ever: refused for its token, and let in by it with claims', async () => {
      await serve(allowing, async (url) => {
        const answers = (token) => ask(url, 'OPTIONS', { ...ASKING, authorization: `Bearer ${token}` });
        assert.deepEqual(await answers('a.b.c'), invalid('Token is malformed'));
        assert.deepEqual((await answers(signed({ scope: 'a' }))).body, { hasClaims: true });
      });
    });

    test('protects an OPTIONS that has a preflight’s headers twice', async () => {
      await serve(allowing, async (url) => {
        const lines = Object.entries(ASKING).map(([name, value]) => `${name}: ${value}`);
        assert.equal((await rawRequest(url, 'OPTIONS', lines)).status, 200);
        for (const twice of lines)
          assert.equal((await rawRequest(url, 'OPTIONS', [...lines, twice])).status, 401, twice);
      });
    });
  });
}
