// `./mcp`, with the types of both MCP SDKs.
import type { AuthInfo as AuthInfoV1 } from '@modelcontextprotocol/sdk/server/auth/types.js';
import type { OAuthTokenVerifier as VerifierV1 } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import express from 'express';
import {
  MonoCloudBackendNodeClient,
  mcpGate,
  mcpTokenVerifier,
  protectMcp,
  protectedResource,
  type McpAuthInfo,
  type ProtectMcpOptions,
  type ProtectedResource,
  type ProtectedResourceOptions,
} from '@monocloud/backend-node/mcp';
import { protectApi } from '@monocloud/backend-node/express';
import { protectApi as protectFastify } from '@monocloud/backend-node/fastify';
import { protectApi as protectWeb } from '@monocloud/backend-node/web';

const client = new MonoCloudBackendNodeClient();
const app = express();

const options: ProtectedResourceOptions = {
  resource: 'https://api.example.com/mcp',
  authorizationServers: ['https://issuer.example.com'] as const,
  scopesSupported: ['notes:read'],
  resourceName: 'Notes',
  resourceDocumentation: 'https://example.com/docs',
  resourcePolicyUri: 'https://example.com/policy',
  resourceTosUri: 'https://example.com/tos',
  authorizationDetailsTypesSupported: ['payment'],
  maxAge: 60,
  serveAuthorizationServerMetadata: false,
};
const resource: ProtectedResource = protectedResource(client, options);
protectedResource();
protectedResource(options);
protectedResource(undefined, options);
// @ts-expect-error Unknown members are errors.
protectedResource(client, { scopes: ['a'] });

const url: string = resource.url;
// @ts-expect-error The document cannot be changed.
resource.metadata.resource = url;
app.use(resource.middleware());
const answer: Response | Promise<Response> | undefined = resource.respond(new Request(url));

protectApi(client, { resourceMetadata: resource });
protectApi({ resourceMetadata: url });
protectFastify(client, { resourceMetadata: resource });
protectWeb(client, { resourceMetadata: { url } });
// @ts-expect-error A URL object has another text.
protectApi({ resourceMetadata: new URL(url) });

const protect: ProtectMcpOptions = { resource, scopes: ['notes:read'], maxAge: 60 };
app.post('/mcp', protectMcp(client, protect), (req, res) => res.json(req.params));
app.post('/mcp', protectMcp(protect));
app.post('/mcp', protectMcp());
// @ts-expect-error The token of an MCP client is in the header.
protectMcp(client, { tokenResolver: () => '' });

const gate: (request: Request) => Promise<McpAuthInfo | Response> = mcpGate(client, protect);
mcpGate(client, { urlResolver: (request) => request.url });

const verifier: VerifierV1 = mcpTokenVerifier(client, {
  toError: (error) => new InvalidTokenError(error.message),
  scopes: ['notes:read'],
});
mcpTokenVerifier(undefined, { toError: (error) => error });
// @ts-expect-error Without it, every rejected token would be a 500.
mcpTokenVerifier(client, {});

export async function authInfo(request: Request): Promise<AuthInfoV1 | undefined> {
  const auth = await gate(request);
  return auth instanceof Response ? undefined : auth;
}
export { answer, verifier };
