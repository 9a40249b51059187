// What does `./node` do with the requests of node:http: does it change one, or read its body? And with other values?

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { protectApi } from '@monocloud/backend-node/node';

import { backend } from '../support/backend.mjs';
import { boundRequest, boundToken, freshKey } from '../support/dpop.mjs';
import { close, get, open, readBody, request } from '../support/http.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { offline, signed } from '../support/offline.mjs';

const REFUSED = { message: 'unauthorized' };

/** Runs `use` with the URL of a server with this listener. */
async function serve(listener, use) {
  const server = await open(http.createServer(listener), { port: 0, host: '127.0.0.1' });
  try {
    return await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    await close(server);
  }
}

describe('a guard', () => {
  test('returns the response with all headers, and sends nothing', async () => {
    const guard = protectApi(offline())({ scopes: ['a'] });
    assert.deepEqual(await guard({ method: 'GET', headers: { authorization: `Bearer ${signed()}` } }), {
      status: 403,
      headers: {
        'WWW-Authenticate': 'Bearer error="insufficient_scope", scope="a"',
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Length': '23',
      },
      body: '{"message":"forbidden"}',
    });
  });

  test('returns an object of its own to each request', async () => {
    const guard = protectApi(offline())();
    const message = () => ({ method: 'GET', headers: { authorization: `Bearer ${signed({ list: [1] })}` } });
    const [first, second] = [await guard(message()), await guard(message())];
    first.claims.list.push(2);
    assert.deepEqual([second.claims.list, first.headers], [[1], {}]);
    const refused = [await guard({ headers: {} }), await guard({ headers: {} })];
    refused[0].headers['X-Own'] = '1';
    assert.equal(refused[1].headers['X-Own'], undefined);
  });

  test('sets nothing on the request, and leaves the body to the handler', async () => {
    const guard = protectApi(offline())();
    const seen = [];
    const listener = async (received, response) => {
      const names = Reflect.ownKeys(received);
      const auth = await guard(received);
      seen.push(
        Reflect.ownKeys(received).filter((name) => !names.includes(name)),
        received.readableDidRead,
      );
      response.writeHead('status' in auth ? auth.status : 200);
      response.end(await readBody(received));
    };
    await serve(listener, async (url) => {
      for (const headers of [{ authorization: `Bearer ${signed()}` }, {}]) {
        assert.equal((await request(url, { method: 'POST', headers, body: 'text' })).body, 'text');
      }
    });
    assert.deepEqual(seen, [[], false, [], false]);
  });

  test('guards HEAD and OPTIONS like any method', async () => {
    const guard = protectApi(offline())();
    for (const method of ['HEAD', 'OPTIONS']) assert.equal((await guard({ method, headers: {} })).status, 401);
  });

  test('reads no inherited header', async () => {
    const headers = Object.create({ authorization: `Bearer ${signed()}` });
    assert.equal((await protectApi(offline())()({ method: 'GET', headers })).status, 401);
  });

  test('rejects what is not a request, and says what to pass', async () => {
    for (const wrong of [undefined, null, 'GET /', {}, { raw: { req: { headers: {} } } }]) {
      const error = { name: 'MonoCloudValidationError', reason: 'argument_invalid', message: /request\.raw\.req/ };
      await assert.rejects(protectApi(offline())()(wrong), error);
    }
  });
});

describe('a DPoP proof', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  after(() => issuer.close());

  test('is good for every guard that the same request passes, and for no second request', async () => {
    const protect = protectApi(backend(issuer));
    const [first, second] = [protect(), protect({ scopes: ['data:read'] })];
    const listener = async (received, response) => {
      const all = [await first(received), await second(received)];
      const refusal = all.find((auth) => 'status' in auth);
      response.writeHead(refusal?.status ?? 200, refusal?.headers).end(refusal?.body);
    };
    await serve(listener, async (url) => {
      const key = await freshKey();
      const headers = boundRequest({ key, token: boundToken(issuer, key), url: `${url}/` });
      assert.equal((await get(url, { headers })).status, 200);
      const { status, body } = await get(url, { headers });
      assert.deepEqual([status, body], [401, REFUSED]);
    });
  });
});
