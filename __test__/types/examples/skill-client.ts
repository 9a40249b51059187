// The skill's section "Advanced": the application's own client and both resolvers. `cookies` comes from
// @fastify/cookie.
import '@fastify/cookie';
import Fastify from 'fastify';
import type { AuthenticatedFastifyRequest } from '@monocloud/backend-node/fastify';

const fastify = Fastify();
declare const redisCache: ICache;

import {
  protectApi,
  MonoCloudBackendNodeClient,
  type ICache,
} from '@monocloud/backend-node/fastify';
const client = new MonoCloudBackendNodeClient({
  tenantDomain: 'https://acme.us.monocloud.app',
  audience: 'https://api.example.com',
  cache: redisCache, // your ICache implementation — caches by token until exp
  introspectJwtTokens: false,
});
const protect = protectApi(client, {
  // Pull token from somewhere other than Authorization: Bearer
  tokenResolver: async (req) => (req.cookies as Record<string, string>).access_token,
  // Provide the client cert for mTLS-bound tokens (use with validateCertificateBinding)
  certificateResolver: async (req) =>
    req.headers['x-client-cert'] as string | undefined,
});
fastify.get(
  '/api/secure',
  { onRequest: protect({ validateCertificateBinding: true }) },
  async (request) => (request as AuthenticatedFastifyRequest).claims,
);
