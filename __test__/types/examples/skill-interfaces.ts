// The skill's interfaces. A value of the documented interface fits the package's, and the other way round where the
// application receives it.
import * as sdk from '@monocloud/backend-node';
import type { AccessTokenClaims, ClientAuthMethod } from '@monocloud/backend-node';

// DOM types, which the documents use. @types/node has only `Request`.
type RequestInfo = string | URL | Request;

interface ProtectOptions {
  scopes?: string[]; // require all listed scopes
  groups?: string[]; // require group membership (any-of by default)
  validateCertificateBinding?: boolean; // mTLS-bound token validation
}

interface MonoCloudBackendNodeClientOptions {
  tenantDomain: string;
  audience: string;
  clientId?: string;
  clientSecret?: string;
  clientAuthMethod?: ClientAuthMethod;
  groupOptions?: { groupsClaim?: string; matchAll?: boolean };
  clockSkew?: number;
  clockTolerance?: number;
  jwksCacheDuration?: number;
  metadataCacheDuration?: number;
  introspectJwtTokens?: boolean;
  cache?: ICache;
  fetcher?: (input: RequestInfo, init?: RequestInit) => Promise<Response>;
}

interface ICache {
  get(token: string): Promise<AccessTokenClaims | null | undefined>;
  set(token: string, claims: AccessTokenClaims, expiresAt: number): Promise<void>;
  delete(token: string): Promise<void>;
}

export function documented(
  protect: ProtectOptions,
  options: MonoCloudBackendNodeClientOptions,
  cache: ICache,
  packaged: sdk.ICache,
): [sdk.ProtectOptions, sdk.MonoCloudBackendNodeClientOptions, sdk.ICache, ICache] {
  return [protect, options, cache, packaged];
}

export const client = (options: MonoCloudBackendNodeClientOptions) => new sdk.MonoCloudBackendNodeClient(options);
