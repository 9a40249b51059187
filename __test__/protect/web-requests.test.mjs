// What does `./web` do with unusual requests and responses: rebuilt, frozen, with a body, with joined headers?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { fromClientCert, fromHeader, fromSocket } from '@monocloud/backend-node/certificates';
import { claimsOf, protectApi, withAuth } from '@monocloud/backend-node/web';

import { backend } from '../support/backend.mjs';
import { boundRequest, boundToken, freshKey } from '../support/dpop.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { offline, signed } from '../support/offline.mjs';

const URL_OF_API = 'https://api.example/orders';
const bearer = (token, init = {}) =>
  new Request(URL_OF_API, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
const guardOf = (route, options, client = offline()) => protectApi(client, options)(route);
const challengeOf = (response) => response.headers.get('www-authenticate');

describe('a guard', () => {
  test('returns the claims as a value, and an object of its own to each request', async () => {
    const guard = guardOf();
    const token = signed({ list: [1] });
    const [first, second] = [await guard(bearer(token)), await guard(bearer(token))];
    first.claims.list.push(2);
    assert.deepEqual([first.claims.sub, second.claims.list], ['user-1', [1]]);
    assert.deepEqual([...first.headers], []);
  });

  test('changes nothing about the request, also about a frozen one', async () => {
    for (const options of [undefined, { tokenResolver: async () => undefined }]) {
      const request = Object.freeze(bearer(signed()));
      const before_ = Reflect.ownKeys(request);
      assert.equal((await guardOf(undefined, options)(request)).claims.sub, 'user-1');
      assert.deepEqual(Reflect.ownKeys(request), before_);
      assert.equal(request.claims, undefined);
    }
  });

  test('does not read the body, whether it lets the request through or not', async () => {
    for (const [token, passes] of [
      [signed(), true],
      ['a.b.c', false],
    ]) {
      let pulls = 0;
      const body = new ReadableStream(
        {
          pull(controller) {
            pulls += 1;
            controller.enqueue(new TextEncoder().encode('text'));
            controller.close();
          },
        },
        { highWaterMark: 0 },
      );
      const request = bearer(token, { method: 'POST', body, duplex: 'half' });
      const auth = await guardOf()(request);
      assert.deepEqual([Object.hasOwn(auth, 'claims'), request.bodyUsed, pulls], [passes, false, 0]);
      assert.equal(await request.text(), 'text');
    }
  });

  for (const method of ['HEAD', 'OPTIONS', 'DELETE', 'PURGE']) {
    test(`guards ${method} like any method`, async () => {
      const response = await guardOf()(new Request(URL_OF_API, { method }));
      assert.deepEqual([response.status, challengeOf(response)], [401, 'Bearer']);
    });
  }

  test('takes two Authorization fields, which Headers join, for no credentials', async () => {
    for (const [first, second] of [
      [`Bearer ${signed()}`, `Bearer ${signed()}`],
      ['Basic YTpi', `Bearer ${signed()}`],
      [`Bearer ${signed()}`, ''],
    ]) {
      const headers = new Headers({ authorization: first });
      headers.append('authorization', second);
      const response = await guardOf()(new Request(URL_OF_API, { headers }));
      assert.deepEqual([response.status, challengeOf(response)], [401, 'Bearer'], `${first}, ${second}`);
    }
  });

  test('does not read a token in the URL', async () => {
    const token = signed();
    const response = await guardOf()(new Request(`${URL_OF_API}?access_token=${token}#access_token=${token}`));
    assert.equal(challengeOf(response), 'Bearer');
  });

  test('takes a preflight with two Origin fields for none, and lets a preflight through without claims', async () => {
    const guard = guardOf(undefined, { allowPreflight: true });
    const headers = new Headers({ origin: 'https://a.example', 'access-control-request-method': 'POST' });
    const preflight = new Request(URL_OF_API, { method: 'OPTIONS', headers });
    const { claims, headers: more } = await guard(preflight);
    assert.deepEqual([claims, [...more], claimsOf(preflight)], [undefined, [], undefined]);
    headers.append('origin', 'https://b.example');
    assert.equal((await guard(new Request(URL_OF_API, { method: 'OPTIONS', headers }))).status, 401);
  });

  test('gives resolvers the Request', async () => {
    const seen = [];
    const request = new Request(URL_OF_API, { headers: { cookie: `token=${signed()}` } });
    const tokenResolver = (given) => {
      seen.push(given);
      return given.headers.get('cookie').slice('token='.length);
    };
    assert.equal((await guardOf(undefined, { tokenResolver })(request)).claims.sub, 'user-1');
    assert.deepEqual(seen, [request]);
  });

  test('rejects what is not a request, and says what to pass', async () => {
    for (const wrong of [undefined, null, 'https://api.example', {}, { raw: bearer(signed()) }]) {
      const error = { name: 'MonoCloudValidationError', reason: 'argument_invalid', message: /c\.req\.raw/ };
      await assert.rejects(guardOf()(wrong), error);
    }
  });
});

describe('claimsOf', () => {
  test('has the claims of a request that passed, and of no other', async () => {
    const guard = guardOf({ scopes: ['a'] });
    const [passed, refused] = [bearer(signed({ scope: 'a' })), bearer(signed())];
    assert.equal(claimsOf(passed), undefined);
    const { claims } = await guard(passed);
    assert.equal(claimsOf(passed), claims);
    assert.equal((await guard(refused)).status, 403);
    assert.equal(claimsOf(refused), undefined);
  });

  test('has none for a request that was rebuilt, which a guard decides on anew', async () => {
    const guard = guardOf();
    const request = bearer(signed());
    await guard(request);
    for (const rebuilt of [request.clone(), new Request(request), new Request('https://api.example/other', request)]) {
      assert.equal(claimsOf(rebuilt), undefined);
      assert.equal((await guard(rebuilt)).claims.sub, 'user-1');
    }
    for (const nothing of [undefined, null, 'text']) assert.equal(claimsOf(nothing), undefined);
  });
});

describe('withAuth', () => {
  const passing =
    (headers = {}) =>
    async () => ({ claims: { sub: 'me' }, headers: new Headers(headers) });

  test('gives the handler the request, the claims and further arguments, and returns its response', async () => {
    const calls = [];
    const response = Response.json({});
    const handler = withAuth(guardOf(), (...args) => {
      calls.push(args);
      return response;
    });
    const [request, context] = [bearer(signed()), { params: {} }];
    assert.equal(await handler(request, context, 1), response);
    const [[given, { claims }, ...rest]] = calls;
    assert.deepEqual([given === request, claims.sub, rest], [true, 'user-1', [context, 1]]);
  });

  test('does not run the handler without claims, whatever the guard returns', async () => {
    const handler = () => assert.fail('it was let in');
    const response = await withAuth(guardOf(), handler)(new Request(URL_OF_API));
    assert.deepEqual([response.status, await response.json()], [401, { message: 'unauthorized' }]);
    for (const odd of [{}, { headers: new Headers() }, Object.create({ claims: {} }), 'text', true]) {
      assert.equal(await withAuth(async () => odd, handler)(new Request(URL_OF_API)), odd);
    }
    for (const nothing of [undefined, null]) {
      await assert.rejects(withAuth(async () => nothing, handler)(new Request(URL_OF_API)), TypeError);
    }
  });

  test('does not run the handler, and sends its own response, while Object.prototype is polluted', async () => {
    const polluted = { claims: { sub: 'evil' }, statusText: 'evil', status: 200, headers: { 'x-evil': '1' } };
    const handler = withAuth(guardOf(), () => assert.fail('it was let in'));
    Object.assign(Object.prototype, polluted);
    let response;
    try {
      response = await handler(bearer('a.b.c'));
    } finally {
      for (const name of Object.keys(polluted)) delete Object.prototype[name];
    }
    assert.deepEqual([response.status, response.statusText], [401, '']);
    assert.deepEqual([...response.headers.keys()], ['content-type', 'www-authenticate']);
  });

  test('sets the headers of the guard, also on a response whose headers cannot be changed', async () => {
    const guard = passing({ 'DPoP-Nonce': 'new', 'Cache-Control': 'no-store' });
    for (const [made, status, location] of [
      [() => new Response(null, { status: 204 }), 204, null],
      [() => Response.redirect('https://api.example/new'), 302, 'https://api.example/new'],
      [() => fetch('data:text/plain,hello'), 200, null],
    ]) {
      const response = await withAuth(guard, made)(new Request(URL_OF_API));
      const headerOf = (name) => response.headers.get(name);
      assert.deepEqual(
        [response.status, headerOf('location'), headerOf('dpop-nonce'), headerOf('cache-control')],
        [status, location, 'new', 'no-store'],
      );
    }
    assert.equal(await (await withAuth(guard, () => fetch('data:,hello'))(new Request(URL_OF_API))).text(), 'hello');
  });

  test('keeps the headers that the handler sets, all cookies among them', async () => {
    const guard = passing({ 'DPoP-Nonce': 'new', 'Cache-Control': 'no-store' });
    const headers = new Headers({ 'cache-control': 'private' });
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    const response = await withAuth(guard, () => new Response('x', { headers }))(new Request(URL_OF_API));
    assert.deepEqual(
      ['cache-control', 'dpop-nonce'].map((name) => response.headers.get(name)),
      ['private', 'new'],
    );
    assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
  });

  test('returns a response that cannot be copied, and anything else, as it is', async () => {
    for (const odd of [Response.error(), { ok: true }, undefined]) {
      assert.equal(await withAuth(passing({ 'DPoP-Nonce': 'new' }), () => odd)(new Request(URL_OF_API)), odd);
    }
  });

  test('does not catch what the handler throws', async () => {
    const thrown = new Error('of the handler');
    const handler = withAuth(guardOf(), () => {
      throw thrown;
    });
    await assert.rejects(handler(bearer(signed())), thrown);
  });
});

describe('a certificate resolver', () => {
  const PEM = 'MAMCAQU=';
  const found = (resolver, fields) => resolver(new Request(URL_OF_API, { headers: fields }));

  test('reads the header of a Request, unless it arrived twice or with an underscore-spelled duplicate', () => {
    const resolver = fromHeader('X-Client-Cert');
    assert.equal(found(resolver, [['x-client-cert', PEM]]), PEM);
    assert.equal(found(resolver, []), undefined);
    for (const other of ['x-client-cert', 'x_client_cert', 'x-client_cert']) {
      assert.equal(
        found(resolver, [
          ['x-client-cert', PEM],
          [other, PEM],
        ]),
        undefined,
        other,
      );
    }
    assert.equal(found(fromClientCert(), [['client-cert', `:${PEM}:`]]), PEM);
    assert.equal(
      found(fromClientCert(), [
        ['client-cert', `:${PEM}:`],
        ['client-cert', `:${PEM}:`],
      ]),
      undefined,
    );
  });

  test('finds no socket behind a Request, so a bound token is rejected', () => {
    assert.equal(found(fromSocket(), []), undefined);
  });
});

describe('a DPoP proof', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  after(() => issuer.close());

  async function proved() {
    const key = await freshKey();
    const token = boundToken(issuer, key);
    return new Request(URL_OF_API, { headers: boundRequest({ key, token, url: URL_OF_API }) });
  }

  test('is good for every guard that the same Request passes', async () => {
    const protect = protectApi(backend(issuer));
    const request = await proved();
    assert.equal((await protect()(request)).claims.sub, 'user-1');
    assert.equal((await protect({ scopes: ['data:read'] })(request)).claims.sub, 'user-1');
    assert.equal((await protect({ scopes: ['other'] })(request)).status, 403);
  });

  test('counts as used if the Request was rebuilt', async () => {
    const guard = protectApi(backend(issuer))();
    const request = await proved();
    assert.equal((await guard(request)).claims.sub, 'user-1');
    const response = await guard(new Request(request));
    assert.equal(response.status, 401);
    assert.match(challengeOf(response), /^DPoP error="invalid_dpop_proof"/);
  });
});
