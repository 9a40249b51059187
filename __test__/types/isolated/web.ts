// `./web` needs `@types/node` alone, whose globals have `Request` and `Response`.
import { claimsOf, protectApi, withAuth, type AccessTokenClaims } from '@monocloud/backend-node/web';

const guard = protectApi()({ scopes: ['data:read'] });

export const handler = withAuth(guard, (request: Request, { claims }) => {
  const same: AccessTokenClaims | undefined = claimsOf(request);
  return Response.json({ subject: claims.sub, same: same?.sub });
});
