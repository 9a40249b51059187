// An MCP server: one tool for everybody who may use the server, one that needs a scope more.

import express from 'express';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { MonoCloudBackendNodeClient, protectMcp, protectedResource } from '@monocloud/backend-node/mcp';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const client = new MonoCloudBackendNodeClient();
const resource = protectedResource(client, { scopesSupported: ['notes:read', 'notes:write'] });
const reader = protectMcp(client, { resource, scopes: ['notes:read'] });
const writer = protectMcp(client, { resource, scopes: ['notes:read', 'notes:write'] });
const notes = [];

const app = express();
app.use(resource.middleware());

// The first check comes before the body is read, the second depends on the body.
app.post('/mcp', reader, express.json(), (request, response, next) => {
  const { method, params } = request.body ?? {};
  const needsWrite = method === 'tools/call' && params?.name === 'add';
  return needsWrite ? writer(request, response, next) : next();
});

app.post('/mcp', async (request, response) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on('close', () => transport.close());
  await serverOfNotes().connect(transport);
  await transport.handleRequest(request, response, request.body);
});
app.all('/mcp', (request, response) => response.status(405).set('Allow', 'POST').end());

function serverOfNotes() {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  server.registerTool('list', { description: 'Lists all notes' }, () => answer(notes));
  server.registerTool('add', { description: 'Adds a note' }, ({ authInfo }) => {
    notes.push({ author: authInfo.extra.claims.sub, at: new Date().toISOString() });
    return answer(notes.at(-1));
  });
  return server;
}

function answer(value) {
  return { content: [{ type: 'text', text: JSON.stringify(value) }] };
}

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`listening ${server.address().port}`));
