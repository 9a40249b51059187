// An application declares its claims once, for every method and every framework.
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import type { AccessTokenClaims as ClaimsFromExpress } from '@monocloud/backend-node/express';
import type { AccessTokenClaims as ClaimsFromFastify } from '@monocloud/backend-node/fastify';

declare module '@monocloud/backend-node' {
  interface AccessTokenClaims {
    org_id?: string;
  }
}

export async function organization(client: MonoCloudBackendNodeClient, token: string): Promise<number | undefined> {
  const claims = await client.validateAccessToken(token);
  return claims.org_id?.length;
}

export const fromExpress = (claims: ClaimsFromExpress): number | undefined => claims.org_id?.length;
export const fromFastify = (claims: ClaimsFromFastify): number | undefined => claims.org_id?.length;

export function exactly(claims: ClaimsFromExpress): number {
  // @ts-expect-error it may be absent
  return claims.org_id.length;
}
