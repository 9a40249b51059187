// Can real MCP clients use a protected MCP server?
//
// Clients of both SDK generations against servers of both: discovery, registration, sign-in, tool call, a 403 that
// names all scopes, step-up, expiry and outage. The authorization server is oidc-provider.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ClientCredentialsProvider, DpopSession } from '@modelcontextprotocol/client';
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node/mcp';

import { unsupported } from '../support/authorization-server.mjs';
import { describeWhere } from '../support/suite.mjs';
import { MACHINE, startMcpAuthorizationServer } from './authorization-server.mjs';
import { CLIENTS, READ, SERVERS, UserProvider, WRITE } from './servers.mjs';

const textOf = (result) => JSON.parse(result.content[0].text);
const clientOf = (issuer, options) => (audience) =>
  new MonoCloudBackendNodeClient({ tenantDomain: issuer, audience, ...options });

/** Sends `send`, signs in when the client asks the user to, and sends it again. */
async function asUser(provider, connection, authorizationServer, send) {
  const before = provider.redirects.length;
  await assert.rejects(send(), { name: /Error/ });
  assert.equal(provider.redirects.length, before + 1);
  const url = provider.redirects.at(-1);
  await connection.finish(await authorizationServer.signIn(url));
  return url;
}

describeWhere(unsupported, 'an MCP server', () => {
  let authorizationServer;

  before(async () => {
    authorizationServer = await startMcpAuthorizationServer();
  });
  after(() => authorizationServer.close());

  for (const [serverName, serve] of Object.entries(SERVERS)) {
    for (const [clientName, connect] of Object.entries(CLIENTS)) {
      describe(`with ${serverName}, called by ${clientName}`, () => {
        let server;
        let provider;
        let connection;

        before(async () => {
          server = await serve(clientOf(authorizationServer.issuer));
          provider = new UserProvider();
        });
        after(() => server.close());

        const open = () => {
          connection = connect(server.url, provider);
          return connection.client.connect(connection.transport);
        };

        test('is found, and the user signs in for the scopes and the resource that it names', async () => {
          const url = await asUser(provider, { finish: (code) => connection.finish(code) }, authorizationServer, open);
          assert.equal(url.origin, authorizationServer.issuer);
          assert.equal(url.searchParams.get('resource'), server.url);
          assert.equal(url.searchParams.get('scope'), READ);
          await open();
          const result = textOf(await connection.client.callTool({ name: 'read', arguments: {} }));
          assert.deepEqual(result, {
            name: 'read',
            clientId: provider.clientInformation().client_id,
            scopes: [READ],
            sub: 'user-1',
          });
        });

        test('sends 403 with all scopes for a tool that needs more, and the client steps up', async () => {
          const call = () => connection.client.callTool({ name: 'write', arguments: {} });
          const url = await asUser(provider, connection, authorizationServer, call);
          assert.deepEqual(url.searchParams.get('scope').split(' ').sort(), [READ, WRITE]);
          assert.equal(url.searchParams.get('resource'), server.url);
          assert.deepEqual(textOf(await call()).scopes.sort(), [READ, WRITE]);
        });

        test('sends 401 for an expired token, and the client signs in again', async () => {
          const call = () => connection.client.callTool({ name: 'read', arguments: {} });
          await call();
          server.client.setClockSkew(7200);
          const redirects = provider.redirects.length;
          await assert.rejects(call());
          assert.equal(provider.redirects.length, redirects + 1);
          server.client.setClockSkew(0);
          await call();
          await connection.client.close();
        });

        test('sends 503 in an outage, and the client keeps its token', async () => {
          const fetcher = () => Promise.reject(new Error('down'));
          // Signing keys are not known yet, and cannot be fetched.
          const failing = await serve(clientOf(authorizationServer.issuer, { fetcher }));
          try {
            const user = new UserProvider();
            user.saveTokens(provider.tokens());
            const { client, transport } = connect(failing.url, user);
            await assert.rejects(client.connect(transport), (error) => {
              assert.match(`${error.code} ${error.data?.status} ${error.message}`, /503|service unavailable/);
              return true;
            });
            assert.deepEqual(user.redirects, []);
            assert.deepEqual(user.tokens(), provider.tokens());
          } finally {
            await failing.close();
          }
        });
      });
    }

    describe(`with ${serverName}`, () => {
      test('accepts a machine by client credentials, without a user', async () => {
        const server = await serve(clientOf(authorizationServer.issuer));
        try {
          const provider = new ClientCredentialsProvider({
            ...MACHINE,
            expectedIssuer: authorizationServer.issuer,
            scope: READ,
          });
          const { client, transport } = CLIENTS['client 2'](server.url, provider);
          await client.connect(transport);
          const result = textOf(await client.callTool({ name: 'read', arguments: {} }));
          assert.deepEqual([result.clientId, result.scopes], [MACHINE.clientId, [READ]]);
          await client.close();
        } finally {
          await server.close();
        }
      });

      test('accepts a token only for itself, not for another server of the same authorization server', async () => {
        const [one, other] = [
          await serve(clientOf(authorizationServer.issuer)),
          await serve(clientOf(authorizationServer.issuer)),
        ];
        try {
          const provider = new ClientCredentialsProvider({ ...MACHINE, expectedIssuer: authorizationServer.issuer });
          const { client, transport } = CLIENTS['client 2'](one.url, provider);
          await client.connect(transport);
          const headers = {
            authorization: `Bearer ${provider.tokens().access_token}`,
            'content-type': 'application/json',
          };
          const response = await fetch(other.url, { method: 'POST', headers, body: '{}' });
          assert.equal(response.status, 401);
          await client.close();
        } finally {
          await Promise.all([one.close(), other.close()]);
        }
      });

      test('accepts the proofs of client 2 if it announces DPoP', async () => {
        const dpop = { algorithms: ['ES256'] };
        const server = await serve(clientOf(authorizationServer.issuer, { dpop }));
        try {
          const provider = new UserProvider(await DpopSession.create());
          const open = async () => {
            connection = CLIENTS['client 2'](server.url, provider);
            await connection.client.connect(connection.transport);
          };
          let connection;
          await asUser(provider, { finish: (code) => connection.finish(code) }, authorizationServer, open);
          await open();
          assert.equal(provider.tokens().token_type, 'DPoP');
          assert.equal(textOf(await connection.client.callTool({ name: 'read', arguments: {} })).sub, 'user-1');
          await connection.client.close();
        } finally {
          await server.close();
        }
      });
    });
  }
});
