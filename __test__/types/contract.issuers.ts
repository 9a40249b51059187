// Several issuers: what compiles, and what must not.
import express from 'express';
import Fastify from 'fastify';
import { MonoCloudBackendNodeClient, MonoCloudMultiIssuerClient } from '@monocloud/backend-node';
import type {
  AccessTokenClaims,
  IssuersResolver,
  MonoCloudHealth,
  MonoCloudMultiIssuerOptions,
  ProtectApiClient,
  ResolvedIssuer,
  ValidateMultiIssuerOptions,
} from '@monocloud/backend-node';
import { protectApi } from '@monocloud/backend-node/express';
import { protectApi as protectFastify } from '@monocloud/backend-node/fastify';
import { protectApi as protectNode } from '@monocloud/backend-node/node';
import { protectApi as protectWeb } from '@monocloud/backend-node/web';

const one = new MonoCloudBackendNodeClient();
const audience = 'https://api.example.com';

const options: MonoCloudMultiIssuerOptions = {
  clients: [one] as const,
  resolve: async (issuer) => (issuer === 'https://a.example' ? { tenantDomain: issuer, audience } : null),
  maxClients: 10,
  resolveDuration: 60,
  opaque: one,
};
const several = new MonoCloudMultiIssuerClient(options);
new MonoCloudMultiIssuerClient({ resolve: () => one });
new MonoCloudMultiIssuerClient({ resolve: () => undefined, clients: undefined, opaque: undefined });
const resolved: ResolvedIssuer = { tenantDomain: 'https://a.example', audience: undefined };

// @ts-expect-error options are required
new MonoCloudMultiIssuerClient();
// @ts-expect-error an unknown member
new MonoCloudMultiIssuerClient({ client: one });
// @ts-expect-error a client of several issuers is none of one issuer
new MonoCloudMultiIssuerClient({ clients: [several] });
// @ts-expect-error text is no client
new MonoCloudMultiIssuerClient({ resolve: (issuer) => issuer });

const call: ValidateMultiIssuerOptions = { issuers: ['https://a.example'], scopes: ['a'] };
export const claims: Promise<AccessTokenClaims> = several.validateAccessToken('token', call);
export const typed: Promise<{ org: string }> = several.validateAccessToken<{ org: string }>('token');
export const health: Record<string, MonoCloudHealth> = several.health().issuers;
export const warm: Promise<void> = several.warmUp();
// @ts-expect-error only a client of several issuers knows it
void one.validateAccessToken('token', { issuers: [] });
// @ts-expect-error the metadata of which issuer?
void several.getMetadata();

const clients: ProtectApiClient[] = [one, several];
const app = express();
for (const client of clients) {
  app.get('/', protectApi(client, { issuers: (request) => [request.hostname] })(), (_request, response) => {
    response.json({});
  });
  Fastify().get('/', { onRequest: protectFastify(client, { issuers: () => undefined })() }, async () => ({}));
  protectNode(client, { issuers: () => null })();
  protectWeb(client, { issuers: (request) => [new URL(request.url).hostname] as const })();
}
const issuers: IssuersResolver<unknown> = () => [];
protectApi({ issuers });
// @ts-expect-error it must be synchronous
protectApi(several, { issuers: async () => [] });

export { resolved };
