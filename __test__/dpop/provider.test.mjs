// Do real clients reach an API with tokens that a real authorization server bound to their keys?
//
// oidc-provider issues the tokens, JWT and opaque; the clients are `dpop` and oauth4webapi. The API runs in this
// process on each framework, and in two processes behind a load balancer.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startAuthorizationServer, unsupported } from '../support/authorization-server.mjs';
import { backend } from '../support/backend.mjs';
import { credentials } from '../support/dpop.mjs';
import { EXPRESS, FASTIFY } from '../support/frameworks.mjs';
import { get } from '../support/http.mjs';
import { AUDIENCE } from '../support/issuer.mjs';
import { startRoundRobin } from '../support/proxies.mjs';
import { describeWhere } from '../support/suite.mjs';
import { CLIENTS } from './dpop-clients.mjs';
import { startServers } from './processes.mjs';

const FORMATS = ['jwt', 'opaque'];
const SECRET = Buffer.alloc(32, 9).toString('base64url');

let server;
before(async () => {
  if (!unsupported) server = await startAuthorizationServer({ tls: false, dpopNonces: true });
});
after(() => server?.close());

describeWhere(unsupported, 'the authorization server', () => {
  for (const [name, create] of Object.entries(CLIENTS)) {
    for (const format of FORMATS) {
      test(`gives ${name} a bound ${format} token, after one retry with its nonce`, async () => {
        const client = await create(server);
        const { access_token: token, token_type: type } = await client.token(format);
        assert.equal(type.toLowerCase(), 'dpop');
        assert.deepEqual(client.retries, [1]);
        const claims =
          format === 'jwt' ? JSON.parse(Buffer.from(token.split('.')[1], 'base64url')) : await server.introspect(token);
        assert.match(claims.cnf.jkt, /^[\w-]{43}$/);
      });
    }
  }
});

describeWhere(unsupported, 'an API', () => {
  for (const framework of [...EXPRESS, ...FASTIFY]) {
    describe(`on ${framework.name}`, { skip: framework.skip }, () => {
      for (const [name, create] of Object.entries(CLIENTS)) {
        for (const alg of ['ES256', 'Ed25519']) {
          test(`accepts the ${alg} proofs of ${name}, for a JWT and for an opaque token`, async () => {
            const client = await create(server, { alg });
            for (const format of FORMATS) {
              const { access_token: token } = await client.token(format);
              const protect = framework.protectApi(backend(server, { as: 'post' }));
              await framework.with({ '/orders': { protect: protect() } }, async (url) => {
                for (let use = 0; use < 3; use += 1) {
                  const { status, body } = await client.call(token, `${url}/orders?page=${use}`);
                  assert.deepEqual([status, body.claims.client_id], [200, server.clients.post.clientId]);
                }
                assert.equal((await get(`${url}/orders`, { token })).status, 401);
                assert.equal((await get(`${url}/orders`, { headers: credentials(token, undefined) })).status, 401);
              });
            }
          });
        }

        for (const nonce of ['when_stale', 'required']) {
          test(`with nonces of ${nonce} costs ${name} one retry at most`, async () => {
            const client = await create(server);
            const { access_token: token } = await client.token('jwt');
            const protect = framework.protectApi(backend(server, { as: 'post', dpop: { nonce } }));
            await framework.with({ '/orders': { protect: protect() } }, async (url) => {
              client.retries.length = 0;
              for (let use = 0; use < 4; use += 1) {
                assert.equal((await client.call(token, `${url}/orders`)).status, 200);
              }
              assert.deepEqual(client.retries, nonce === 'required' ? [1, 0, 0, 0] : [0, 0, 0, 0]);
            });
          });
        }
      }
    });
  }

  test('refuses the token of one client with the key of another one', async () => {
    const [owner, thief] = await Promise.all(Object.values(CLIENTS).map((create) => create(server)));
    const { access_token: token } = await owner.token('jwt');
    const [framework] = EXPRESS;
    await framework.with({ '/orders': { protect: framework.protectApi(backend(server))() } }, async (url) => {
      assert.equal((await owner.call(token, `${url}/orders`)).status, 200);
      assert.equal((await thief.call(token, `${url}/orders`)).status, 401);
    });
  });
});

describeWhere(unsupported, 'two processes of an API behind a load balancer', () => {
  for (const [name, create] of Object.entries(CLIENTS)) {
    for (const nonce of ['when_stale', 'required']) {
      test(`that share nonceSecret cost ${name} one retry at most, with ${nonce}`, async (t) => {
        const balancer = await startRoundRobin();
        t.after(() => balancer.close());
        const options = { tenantDomain: server.issuer, audience: AUDIENCE, publicUrl: balancer.url };
        const servers = await startServers(2, { options: { ...options, dpop: { nonce, nonceSecret: SECRET } } });
        t.after(() => servers.close());
        balancer.ports.push(...servers.ports);

        const client = await create(server);
        const { access_token: token } = await client.token('jwt');
        client.retries.length = 0;
        const processes = new Set();
        for (let use = 0; use < 20; use += 1) {
          const { status, body } = await client.call(token, `${balancer.url}/orders`);
          assert.equal(status, 200);
          processes.add(body.process);
        }
        assert.equal(processes.size, 2);
        assert.ok(Math.max(...client.retries) <= 1, String(client.retries));
        // The nonce of one process is good in the other one, so nobody asks twice within a rotation or two.
        const retries = client.retries.filter((count) => count > 0).length;
        assert.ok(nonce === 'required' ? retries >= 1 && retries <= 2 : retries === 0, String(client.retries));
      });
    }
  }
});
