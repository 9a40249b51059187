// Does `protectApi` decide on requests of any framework, and can it add headers to the route's own response?

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { MonoCloudValidationError } from '@monocloud/backend-node';

import { EXPRESS, FASTIFY } from '../support/frameworks.mjs';
import { get } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';
import { describeWhere } from '../support/suite.mjs';

const require = createRequire(import.meta.url);
const { admit, settled } = require('../../npm/protect/admit.js');
const { protector } = require('../../npm/protect/route.js');
const { Accepted, INTERNAL, Response: Refusal } = require('../../npm/protect/response.js');

const CLAIMS = { sub: 'me' };
const accepting = (headers) => ({ validateAccessToken: async () => new Accepted(CLAIMS, headers) });

describe('a request of the Fetch standard', () => {
  const route = (options, client = offline()) => protector(client, options, 'web')({ scopes: ['a'] });
  const ask = (init, options) => {
    const request = new Request('https://api.example/', init);
    return route(options).authenticate(request, request);
  };
  const partsOf = ({ status, headers }) => [status, headers['WWW-Authenticate']];

  test('is decided like one of node:http', async () => {
    const good = { headers: { authorization: `Bearer ${signed({ scope: 'a' })}` } };
    assert.equal((await ask(good)).sub, 'user-1');
    assert.deepEqual(partsOf(ask({})), [401, 'Bearer']);
    assert.deepEqual(partsOf(await ask({ headers: { authorization: `Bearer ${signed()}` } })), [
      403,
      'Bearer error="insufficient_scope", scope="a"',
    ]);
    assert.ok(ask({}) instanceof Refusal);
  });

  test('is decided at once when the keys are there', async () => {
    const client = offline();
    await client.warmUp();
    const request = new Request('https://api.example/', {
      headers: { authorization: `Bearer ${signed({ scope: 'a' })}` },
    });
    assert.equal(route({}, client).authenticate(request, request).sub, 'user-1');
  });

  test('with two Authorization fields has no token', () => {
    const headers = new Headers();
    for (let i = 0; i < 2; i += 1) headers.append('authorization', `Bearer ${signed({ scope: 'a' })}`);
    assert.deepEqual(partsOf(ask({ headers })), [401, 'Bearer']);
  });

  test('is given to the resolvers', async () => {
    const tokenResolver = (request) => request.headers.get('x-token');
    const { sub } = await ask({ headers: { 'x-token': signed({ scope: 'a' }) } }, { tokenResolver });
    assert.equal(sub, 'user-1');
  });

  test('is a preflight by the same rules', () => {
    const request = (headers) => new Request('https://api.example/', { method: 'OPTIONS', headers });
    // The class `Request` does not allow these two headers, so they are set on `Headers` alone.
    const message = (extra) => ({
      method: 'OPTIONS',
      headers: new Headers({ origin: 'https://app.example', 'access-control-request-method': 'POST', ...extra }),
    });
    const open = route({ allowPreflight: true });
    assert.equal(open.letsThrough(message()), true);
    assert.equal(open.letsThrough(message({ cookie: 'a=b' })), false);
    assert.equal(open.letsThrough(message({ authorization: 'Bearer a' })), false);
    assert.equal(open.letsThrough(request({})), false);
    assert.equal(route({}).letsThrough(message()), false);
  });
});

describe('a message that is no more than a method and headers', () => {
  const authenticate = (message) => protector(offline(), {}, 'node')().authenticate(message, message);

  test('is enough', async () => {
    const headers = { authorization: `Bearer ${signed()}` };
    assert.equal((await authenticate({ method: 'GET', headers })).sub, 'user-1');
    assert.equal(authenticate({ method: 'GET', headers: Object.create(null) }).status, 401);
  });

  test('without headers, or none at all, is an internal error, and nobody is let in', () => {
    for (const message of [{}, undefined, null, 'GET /', { headers: null }])
      assert.equal(authenticate(message), INTERNAL);
  });
});

describe('what becomes of a decision', () => {
  const setHeaders = (response, headers) => Object.assign(response, headers);

  test('claims with headers set both', () => {
    const [request, response] = [{}, {}];
    assert.equal(admit(new Accepted(CLAIMS, { 'DPoP-Nonce': 'abc' }), request, response, setHeaders), undefined);
    assert.deepEqual([request.claims, response], [CLAIMS, { 'DPoP-Nonce': 'abc' }]);
  });

  test('claims alone set no header', () => {
    const request = {};
    assert.equal(
      admit(CLAIMS, request, {}, () => assert.fail('a header was set')),
      undefined,
    );
    assert.equal(request.claims, CLAIMS);
  });

  test('headers that cannot be set, and claims that are none, let nobody in', () => {
    const failing = () => {
      throw new Error('canary');
    };
    for (const [decision, set] of [
      [new Accepted(CLAIMS, {}), failing],
      [new Accepted(undefined, {}), setHeaders],
      [new Accepted(Promise.resolve(CLAIMS), {}), setHeaders],
      [undefined, setHeaders],
      ['claims', setHeaders],
      [Promise.resolve(CLAIMS), setHeaders],
    ]) {
      const request = {};
      assert.equal(admit(decision, request, {}, set), INTERNAL);
      assert.deepEqual(request, {});
    }
    assert.equal(admit(new Accepted(CLAIMS, {}), Object.freeze({}), {}, setHeaders), INTERNAL);
  });

  test('a promise that rejects is an internal error', async () => {
    assert.equal(await settled(Promise.reject(new Error('canary'))), INTERNAL);
    assert.equal(await settled(Promise.resolve(CLAIMS)), CLAIMS);
  });
});

for (const framework of [...EXPRESS, ...FASTIFY]) {
  describeWhere(framework.skip, `${framework.name}: the headers of a good response`, () => {
    test('are added to the response of the route', async () => {
      const protect = framework.protectApi(accepting({ 'DPoP-Nonce': 'abc', 'Cache-Control': 'no-store' }))();
      await framework.with({ '/': { protect } }, async (url) => {
        const { status, headers, body } = await get(url, { token: 'x' });
        assert.deepEqual(
          [status, headers['dpop-nonce'], headers['cache-control'], body],
          [200, 'abc', 'no-store', { claims: CLAIMS }],
        );
      });
    });

    test('are not set for a token that was accepted without them', async () => {
      await framework.with({ '/': { protect: framework.protectApi(offline())() } }, async (url) => {
        assert.equal((await get(url, { token: signed() })).headers['dpop-nonce'], undefined);
      });
    });
  });

  describeWhere(framework.skip, `${framework.name}: the option urlResolver`, () => {
    test('is a function, or absent', () => {
      for (const urlResolver of [undefined, null, () => 'https://api.example/']) {
        framework.protectApi(offline(), { urlResolver });
      }
      for (const urlResolver of ['https://api.example', new URL('https://api.example'), true, {}]) {
        assert.throws(
          () => framework.protectApi(offline(), { urlResolver }),
          (error) => error instanceof MonoCloudValidationError && error.reason === 'argument_invalid',
        );
      }
    });

    test('is not called for a bearer token', async () => {
      const urlResolver = () => assert.fail('it was called');
      const { status } = await framework.answer(framework.protectApi(offline(), { urlResolver })(), {
        token: signed(),
      });
      assert.equal(status, 200);
    });
  });
}

for (const framework of EXPRESS) {
  test(`${framework.name}: headers that cannot be set let nobody in`, async () => {
    const protect = framework.protectApi(accepting({ 'DPoP-Nonce': 'a\r\nb' }))();
    const { status } = await framework.answer(protect, { token: 'x', handler: () => assert.fail('the handler ran') });
    assert.equal(status, 500);
  });
}

test('no file for DPoP is loaded by an application that uses bearer tokens', () => {
  const { execFileSync } = require('node:child_process');
  const script = `
    const { protectApi } = require('@monocloud/backend-node/express');
    const guard = protectApi({ validateAccessToken: async () => ({}) })();
    const response = { setHeader() {}, end() {} };
    guard({ method: 'GET', headers: { authorization: 'Bearer a' }, rawHeaders: [] }, response, () => {
      const loaded = Object.keys(require.cache).filter((file) => /(?:dpop|forwarded|request-url)\\.js$/.test(file));
      console.log(JSON.stringify(loaded));
    });`;
  const options = { cwd: new URL('../..', import.meta.url), encoding: 'utf8' };
  assert.deepEqual(JSON.parse(execFileSync(process.execPath, ['-e', script], options)), []);
});
