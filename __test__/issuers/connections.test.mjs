// What do MCP servers and WebSockets know of a client of several issuers?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { MonoCloudMultiIssuerClient } from '@monocloud/backend-node';
import { mcpGate, mcpTokenVerifier, protectedResource } from '@monocloud/backend-node/mcp';
import { protectApi } from '@monocloud/backend-node/node';

import { ANY_CLIENT, backend } from '../support/backend.mjs';
import { DEFAULT_ALGS } from '../support/dpop.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { connect, tell, withWebSockets } from '../support/websockets.mjs';

let a;
let b;
before(async () => {
  [a, b] = await Promise.all(['tenant-a', 'tenant-b'].map((keys) => startIssuer({ keys })));
});
after(() => Promise.all([a, b].map((issuer) => issuer.close())));

const several = (options) =>
  new MonoCloudMultiIssuerClient({ clients: [backend(a), backend(b)], opaque: backend(a, ANY_CLIENT), ...options });
const resolve = (tenantDomain) => (tenantDomain === b.issuer ? { tenantDomain, audience: AUDIENCE } : null);

describe('the metadata of a resource', () => {
  test('lists the issuers of the configured clients, by default', () => {
    const { metadata } = protectedResource(several());
    assert.deepEqual(metadata, {
      resource: AUDIENCE,
      authorization_servers: [a.issuer, b.issuer],
      bearer_methods_supported: ['header'],
    });
    const one = protectedResource(several({ clients: [backend(a)], resolve }));
    assert.deepEqual(one.metadata.authorization_servers, [a.issuer]);
  });

  test('names an issuer as its metadata does, once that is known', async () => {
    const issuer = await startIssuer();
    try {
      issuer.metadata.issuer = `${issuer.issuer}/`;
      const client = several({ clients: [backend(a), backend(issuer)] });
      const resource = protectedResource(client);
      assert.deepEqual(resource.metadata.authorization_servers, [a.issuer, issuer.issuer]);
      await client.warmUp();
      assert.deepEqual(resource.metadata.authorization_servers, [a.issuer, `${issuer.issuer}/`]);
    } finally {
      await issuer.close();
    }
  });

  test('needs the list if no client is configured', () => {
    const client = new MonoCloudMultiIssuerClient({ resolve });
    const wrong = { reason: 'option_invalid', message: /authorizationServers/ };
    assert.throws(() => protectedResource(client, { resource: AUDIENCE }), wrong);
    const authorizationServers = ['https://login.example.com'];
    const { metadata } = protectedResource(client, { resource: AUDIENCE, authorizationServers });
    assert.deepEqual(metadata.authorization_servers, authorizationServers);
  });

  test('says about DPoP what all clients have in common', () => {
    const required = { validateDPoPBinding: 'required' };
    const all = protectedResource(several({ clients: [backend(a, required), backend(b, required)] })).metadata;
    assert.deepEqual(all.dpop_signing_alg_values_supported, DEFAULT_ALGS.split(' '));
    assert.equal(all.dpop_bound_access_tokens_required, true);
    const one = protectedResource(several({ clients: [backend(a, required), backend(b)] })).metadata;
    assert.deepEqual(one.bearer_methods_supported, ['header']);
    assert.equal(one.dpop_bound_access_tokens_required, undefined);
  });

  test('is not repeated for one authorization server: there are several', async () => {
    const path = 'https://api.example.com/.well-known/oauth-authorization-server';
    assert.equal(protectedResource(several()).respond(new Request(path)), undefined);
    assert.throws(() => protectedResource(several(), { serveAuthorizationServerMetadata: true }), {
      reason: 'option_invalid',
      message: /serveAuthorizationServerMetadata/,
    });
  });
});

describe('an MCP endpoint', () => {
  const requested = (token) => new Request(AUDIENCE, { headers: { authorization: `Bearer ${token}` } });

  test('knows the resource of each token’s own client', async () => {
    const other = 'https://other.example.com';
    const clients = [backend(a), backend(b, { audience: other })];
    const gate = mcpGate(several({ clients }));
    assert.equal((await gate(requested(a.sign()))).resource.href, new URL(AUDIENCE).href);
    const auth = await gate(requested(b.sign({ claims: { aud: [AUDIENCE, other] } })));
    assert.equal(auth.resource.href, new URL(other).href);
    assert.equal(auth.extra.claims.iss, b.issuer);
    assert.equal((await gate(requested('a.b.c'))).status, 401);
  });

  test('can limit the issuers of a request', async () => {
    const gate = mcpGate(several(), { issuers: () => [b.issuer] });
    assert.equal((await gate(requested(b.sign()))).extra.claims.iss, b.issuer);
    assert.equal((await gate(requested(a.sign()))).status, 401);
  });

  test('by the SDK’s own middleware validates tokens of all issuers', async () => {
    const verifier = mcpTokenVerifier(several({ clients: [backend(a)], resolve }), { toError: (error) => error });
    for (const issuer of [a, b]) {
      assert.equal((await verifier.verifyAccessToken(issuer.sign())).extra.claims.iss, issuer.issuer);
    }
    const forged = a.sign({ claims: { iss: b.issuer } });
    await assert.rejects(verifier.verifyAccessToken(forged), { reason: 'signature_invalid' });
  });
});

describe('a WebSocket', () => {
  test('is opened with a token of any issuer, and only renewed with one of the same', async () => {
    const guard = protectApi(several())();
    await withWebSockets({ guard }, async ({ url }) => {
      const { socket } = await connect(url, { token: a.sign() });
      assert.equal(await tell(socket, `renew ${a.sign()}`), 'renewed');
      // The same subject, at another issuer.
      assert.notEqual(await tell(socket, `renew ${b.sign()}`), 'renewed');
      // An introspection response without `iss` is of the issuer that was asked.
      assert.equal(await tell(socket, `renew ${a.opaque({ iss: undefined })}`), 'renewed');
      const other = await connect(url, { token: b.sign() });
      assert.notEqual(await tell(other.socket, `renew ${a.opaque({ iss: undefined })}`), 'renewed');
      const refused = await connect(url, { token: a.sign({ claims: { iss: 'https://nobody.example' } }) });
      assert.equal(refused.status, 401);
    });
  });
});
