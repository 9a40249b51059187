// Which MCP servers are protected in the tests, and which MCP clients call them?
//
// The servers that the documentation shows: SDK 1 on Express, and SDK 2 on the Fetch standard. Both have a tool that
// every caller may use, and one that needs a scope more.

import http from 'node:http';

import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer as ServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { McpServer as ServerV2, createMcpHandler, requireScopes } from '@modelcontextprotocol/server';
import express from 'express';
import { getRequestListener } from '@hono/node-server';

import { mcpGate, protectMcp, protectedResource } from '@monocloud/backend-node/mcp';

import { close, listen, open } from '../support/http.mjs';

export const [READ, WRITE] = ['notes:read', 'notes:write'];

/** Each takes a function from the resource to a client of this package: `{ url, client, close }`. */
export const SERVERS = { 'SDK 1 on Express': serveExpress, 'SDK 2 on the Fetch standard': serveWeb };

/** Each takes `(url, provider)`: `{ transport, client, finish }`. */
export const CLIENTS = { 'client 1': connectV1, 'client 2': connectV2 };

/** The result of a tool: what it knows about its caller. */
const resultOf = (name, { clientId, scopes, extra } = {}) => ({
  content: [{ type: 'text', text: JSON.stringify({ name, clientId, scopes, sub: extra?.claims.sub }) }],
});

async function serveExpress(makeClient) {
  const app = express();
  const server = await listen(app);
  const url = `${server.url}/mcp`;
  const client = makeClient(url);
  const resource = protectedResource(client, { resource: url, scopesSupported: [READ, WRITE] });
  const protect = (scopes) => protectMcp(client, { resource, scopes });
  const [reader, writer] = [protect([READ]), protect([READ, WRITE])];

  app.use(resource.middleware());
  app.use(express.json());
  const needsWrite = ({ body }) => body?.method === 'tools/call' && body.params.name === 'write';
  app.use('/mcp', (request, response, next) => (needsWrite(request) ? writer : reader)(request, response, next));
  app.post('/mcp', async (request, response) => {
    const mcp = new ServerV1({ name: 'notes', version: '1.0.0' });
    for (const name of ['read', 'write']) {
      mcp.registerTool(name, {}, ({ authInfo }) => resultOf(name, authInfo));
    }
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    response.on('close', () => transport.close());
    await mcp.connect(transport);
    await transport.handleRequest(request, response, request.body);
  });
  app.use('/mcp', (request, response) => response.status(405).set('Allow', 'POST').end());
  return { ...server, url, client };
}

async function serveWeb(makeClient) {
  const server = http.createServer();
  await open(server, { port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${server.address().port}/mcp`;
  const client = makeClient(url);
  const resource = protectedResource(client, { resource: url, scopesSupported: [READ, WRITE] });
  const gate = mcpGate(client, { resource, scopes: [READ] });

  const handler = createMcpHandler(() => {
    const mcp = new ServerV2({ name: 'notes', version: '1.0.0' });
    const tool = (name, config) => mcp.registerTool(name, config, ({ http: { authInfo } }) => resultOf(name, authInfo));
    tool('read', {});
    tool('write', { scopeChallenge: requireScopes(READ, WRITE) });
    return mcp;
  });
  const answer = async (request) => {
    const document = resource.respond(request);
    if (document) return document;
    const auth = await gate(request);
    return auth instanceof Response ? auth : handler.fetch(request, { authInfo: auth });
  };
  server.on('request', getRequestListener(answer));
  return { url, client, close: () => close(server) };
}

function connectV1(url, provider) {
  const transport = new TransportV1(new URL(url), { authProvider: provider });
  return {
    transport,
    client: new ClientV1({ name: 'test', version: '1.0.0' }),
    finish: ({ code }) => transport.finishAuth(code),
  };
}

function connectV2(url, provider) {
  const transport = new TransportV2(new URL(url), { authProvider: provider });
  const finish = ({ code, iss }) => transport.finishAuth(code, iss);
  return { transport, client: new ClientV2({ name: 'test', version: '1.0.0' }), finish };
}

/** What a user of an MCP client has: a browser, and a store of tokens. */
export class UserProvider {
  redirectUrl = 'http://127.0.0.1/callback';
  clientMetadata = {
    client_name: 'test',
    application_type: 'native',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
  /** The URLs to which the user was sent. */
  redirects = [];
  #store = {};

  /** @param dpop A `DpopSession` of SDK 2. */
  constructor(dpop) {
    if (dpop !== undefined) this.dpop = () => dpop;
  }

  clientInformation = () => this.#store.client;
  saveClientInformation = (client) => void (this.#store.client = client);
  tokens = () => this.#store.tokens;
  saveTokens = (tokens) => void (this.#store.tokens = tokens);
  codeVerifier = () => this.#store.verifier;
  saveCodeVerifier = (verifier) => void (this.#store.verifier = verifier);
  discoveryState = () => this.#store.discovery;
  saveDiscoveryState = (discovery) => void (this.#store.discovery = discovery);
  redirectToAuthorization = (url) => void this.redirects.push(new URL(url));
}
