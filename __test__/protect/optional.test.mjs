// What does a request without a token look like outside of HTTP frameworks: WebSockets, claimsOf, decorators, MCP?

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';

import { mcpGate, protectMcp } from '@monocloud/backend-node/mcp';
import { protectApi as protectNode } from '@monocloud/backend-node/node';
import * as web from '@monocloud/backend-node/web';
import { authenticateUpgrade, closeOnExpiry, socketIoMiddleware } from '@monocloud/backend-node/ws';

import { backend } from '../support/backend.mjs';
import { boundRequest, boundToken, freshKey } from '../support/dpop.mjs';
import { get } from '../support/http.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { PLATFORMS, decorate, skip, startNest } from '../support/nest.mjs';
import { offline, signed } from '../support/offline.mjs';
import { describeWhere } from '../support/suite.mjs';
import { bearer, connect, tell, upgradeOf, withWebSockets } from '../support/websockets.mjs';

const ARGUMENT_INVALID = { name: 'MonoCloudValidationError', reason: 'argument_invalid' };
const guardOf = (route, options) => protectNode(offline(), options)({ optional: true, ...route });

describe('a WebSocket without a token', () => {
  test('opens on an optional guard, never ends, and may get a token later', async () => {
    await withWebSockets({ guard: guardOf() }, async ({ url, connections }) => {
      const { socket } = await connect(url);
      const [{ auth }] = connections;
      assert.deepEqual([auth.claims, auth.expiresAt, auth.isActive, auth.headers], [undefined, undefined, true, {}]);
      assert.equal(await tell(socket, `renew ${signed({ exp: 1 })}`), 'MonoCloudTokenError invalid_token expired');
      assert.equal(auth.claims, undefined);
      assert.equal(await tell(socket, `renew ${signed({ sub: 'me' })}`), 'renewed');
      assert.equal(await tell(socket, 'claims'), 'me');
      assert.equal(auth.expiresAt, auth.claims.exp);
      const other = await tell(socket, `renew ${signed({ sub: 'other' })}`);
      assert.equal(other, 'MonoCloudValidationError undefined argument_invalid');
    });
  });

  test('sets no timer, also with recheck', async (t) => {
    const { request, socket } = upgradeOf();
    const auth = await authenticateUpgrade(guardOf())(request, socket);
    const timers = t.mock.method(globalThis, 'setTimeout');
    closeOnExpiry(auth, () => assert.fail('closed'), { recheck: 1 });
    assert.equal(timers.mock.callCount(), 0);
    auth.dispose();
    assert.equal(auth.isActive, false);
  });

  test('with a bad token is refused on an optional guard', async () => {
    await withWebSockets({ guard: guardOf() }, async ({ url, connections }) => {
      assert.equal((await connect(url, { token: 'a.b.c' })).status, 401);
      assert.equal((await connect(url, { headers: bearer('') })).status, 401);
      assert.equal(connections.length, 0);
    });
  });

  test('is refused if a function of the application only looks like an optional guard', async () => {
    for (const result of [{ claims: undefined, headers: {} }, {}, undefined, { headers: {} }]) {
      const { request, socket } = upgradeOf();
      const ended = once(socket, 'end');
      assert.equal(await authenticateUpgrade(async () => result)(request, socket), undefined);
      await ended;
      assert.match(socket.sent(), /^HTTP\/1\.1 500 /);
    }
  });

  test('closes if a guard no longer finds the token of the connection', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() });
    let token = signed();
    const guard = guardOf({}, { tokenResolver: () => token });
    const { request, socket } = upgradeOf();
    const auth = await authenticateUpgrade(guard)(request, socket);
    const closed = new Promise((resolve) => {
      closeOnExpiry(auth, (...args) => resolve(args), { recheck: 1 });
    });
    token = undefined;
    t.mock.timers.tick(1001);
    assert.deepEqual(await closed, [4401, 'token rejected']);
  });

  test('gets the body and the headers of onRefused, and of a problem', async () => {
    const options = { realm: 'api', body: 'problem', onRefused: () => ({ headers: { 'x-trace': 'a' } }) };
    await withWebSockets({ guard: protectNode(offline(), options)() }, async ({ url }) => {
      const { status, headers, body } = await connect(url);
      assert.deepEqual([status, headers['x-trace'], headers['www-authenticate']], [401, 'a', 'Bearer realm="api"']);
      assert.equal(headers['content-type'], 'application/problem+json');
      assert.equal(JSON.parse(body).code, 'unauthorized');
    });
  });
});

test('a socket of Socket.IO without a token passes an optional middleware, and with a bad one it does not', async () => {
  const middleware = socketIoMiddleware(offline(), { optional: true });
  const socketOf = (auth, headers = {}) => ({
    nsp: { on() {} },
    handshake: { auth },
    request: upgradeOf(headers).request,
    data: {},
  });
  const errorOf = async (socket) => new Promise((resolve) => void middleware(socket, resolve));
  const socket = socketOf({});
  assert.equal(await errorOf(socket), undefined);
  assert.equal(socket.data.auth.claims, undefined);
  for (const bad of [socketOf({ token: 'a.b.c' }), socketOf({ token: 1 }), socketOf({}, bearer('a.b.c'))]) {
    assert.equal((await errorOf(bad)).data.status, 401);
    assert.equal(bad.data.auth, undefined);
  }
});

describe('a Request without a token', () => {
  test('has no claims, also if another guard has found some before', async () => {
    const request = new Request('https://api.example/', { headers: { 'x-token': signed() } });
    const first = web.protectApi(offline(), { tokenResolver: ({ headers }) => headers.get('x-token') })();
    assert.equal((await first(request)).claims.sub, 'user-1');
    assert.equal(web.claimsOf(request).sub, 'user-1');
    const handler = web.withAuth(web.protectApi(offline())({ optional: true }), (_request, { claims }) =>
      Response.json({ claims: claims ?? 'none' }),
    );
    assert.deepEqual(await (await handler(request)).json(), { claims: 'none' });
    assert.equal(web.claimsOf(request), undefined);
  });
});

for (const platform of Object.keys(PLATFORMS)) {
  describeWhere(skip, `nestjs on ${platform}`, () => {
    test('@Claims() gives nothing on an optional route without a token, and is an error without a guard', async () => {
      const common = await import('@nestjs/common');
      const { Claims, MonoCloudAuthModule, Protect } = await import('@monocloud/backend-node/nestjs');
      const controllerOf = (path, decorators) => {
        class Controller {
          answer(claims, sub) {
            return { claims: claims ?? 'none', sub: sub ?? 'nobody' };
          }
        }
        common.Controller()(Controller);
        decorate(Controller, 'answer', [Claims()], 0);
        decorate(Controller, 'answer', [Claims('sub')], 1);
        decorate(Controller, 'answer', [common.Get(path), ...decorators]);
        return Controller;
      };
      let calls = 0;
      const authorize = () => {
        calls += 1;
        return true;
      };
      const controllers = [controllerOf('/a', [Protect({ optional: true, authorize })]), controllerOf('/b', [])];
      const imports = [MonoCloudAuthModule.forRoot(offline())];
      const { url, close } = await startNest(platform, { imports, controllers });
      try {
        assert.deepEqual((await get(`${url}/a`)).body, { claims: 'none', sub: 'nobody' });
        const { body } = await get(`${url}/a`, { token: signed() });
        assert.deepEqual([body.sub, calls], ['user-1', 1]);
        assert.equal((await get(`${url}/a`, { token: 'a.b.c' })).status, 401);
        assert.equal((await get(`${url}/b`)).status, 500);
      } finally {
        await close();
      }
      assert.throws(() => Protect({ authorize: 1 }), ARGUMENT_INVALID);
      assert.throws(() => Protect({ optional: 1 }), ARGUMENT_INVALID);
    });
  });
}

describe('an MCP endpoint', () => {
  test('needs a token, so it does not know optional', () => {
    for (const create of [protectMcp, mcpGate]) {
      assert.throws(() => create(offline(), { optional: true, resource: 'https://api.example/' }), ARGUMENT_INVALID);
    }
  });

  test('asks authorize last', async () => {
    const seen = [];
    const authorize = ({ sub }, request) => {
      seen.push([sub, request instanceof Request]);
      return false;
    };
    const resource = 'https://api.example.com/.well-known/oauth-protected-resource';
    const gate = mcpGate(offline(), { resource, authorize });
    const ask = (token) => gate(new Request('https://api.example/', { headers: bearer(token) }));
    assert.equal((await ask('a.b.c')).status, 401);
    const refused = await ask(signed());
    assert.deepEqual([refused.status, seen], [403, [['user-1', true]]]);
    assert.equal(
      refused.headers.get('www-authenticate'),
      `Bearer error="insufficient_scope", resource_metadata="${resource}"`,
    );
  });
});

describe('a DPoP token', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  after(() => issuer.close());

  const publicUrl = 'https://api.example.com';
  const requestOf = async (more) => {
    const key = await freshKey();
    const token = boundToken(issuer, key);
    const headers = { ...boundRequest({ key, token, url: `${publicUrl}/` }), ...more };
    return { method: 'GET', url: '/', headers, rawHeaders: Object.entries(headers).flat() };
  };
  const clientOf = (dpop) => backend(issuer, { publicUrl, dpop });

  test('that authorize refuses gets the challenge of its scheme', async () => {
    const guard = protectNode(clientOf())({ authorize: () => false });
    const { status, headers } = await guard(await requestOf());
    assert.equal(status, 403);
    assert.match(headers['WWW-Authenticate'], /^DPoP error="insufficient_scope", algs="/);
  });

  test('is never treated as no token on an optional route, whatever the route knows', async () => {
    for (const validateDPoPBinding of ['when_present', 'required', 'dangerously_ignore']) {
      const guard = protectNode(clientOf())({ optional: true, validateDPoPBinding });
      const { dpop: _proof, ...headers } = (await requestOf()).headers;
      const request = { method: 'GET', url: '/', headers, rawHeaders: Object.entries(headers).flat() };
      assert.equal((await guard(request)).status, 401);
    }
  });

  test('keeps its nonce and Cache-Control, whatever onRefused says', async () => {
    const onRefused = () => ({
      body: 'No',
      headers: { 'dpop-nonce': 'mine', 'cache-control': 'max-age=60', 'www-authenticate': 'Basic' },
    });
    const guard = protectNode(clientOf({ nonce: 'required' }), { onRefused })();
    const { headers, body } = await guard(await requestOf());
    assert.notEqual(headers['DPoP-Nonce'], 'mine');
    assert.deepEqual([body, headers['Cache-Control'], headers['dpop-nonce']], ['No', 'no-store', undefined]);
    assert.match(headers['WWW-Authenticate'], /^DPoP error="use_dpop_nonce".*, Basic$/);
  });
});
