// The root entry: what compiles, and what must not.
import {
  MonoCloudAuthBaseError,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudOidcBackendClient,
  MonoCloudOPError,
  MonoCloudTokenError,
  MonoCloudValidationError,
  fromForwarded,
} from '@monocloud/backend-node';
import type {
  AccessTokenClaims,
  CertificateBindingValidation,
  ClientAuthMethod,
  ClientCertificateResolver,
  DPoPProofOptions,
  ExplainedRule,
  Explanation,
  ForwardedRequest,
  ICache,
  IIntrospectionCache,
  IntrospectOptions,
  IssuerMetadata,
  ClaimName,
  ClaimRule,
  ScopeOptions,
  IsUserInGroupOptions,
  Jwk,
  Jwks,
  JwsHeaderParameters,
  JwtClaims,
  MonoCloudBackendNodeClientOptions,
  MonoCloudHealth,
  MonoCloudOidcBackendClientOptions,
  MonoCloudRawResponse,
  MonoCloudReason,
  MonoCloudTokenErrorCode,
  MtlsEndpointAliases,
  ProtectApiRequestOptions,
  ProtectOptions,
  TokenResolver,
  UrlResolver,
  ValidateAccessTokenOptions,
  ValidateJwtAccessTokenOptions,
} from '@monocloud/backend-node';
import type { IncomingMessage } from 'node:http';
import { isUserInGroup } from '@monocloud/backend-node/utils';
import * as undici from 'undici';

// @ts-expect-error `protectApi` belongs to ./express and ./fastify
import { protectApi } from '@monocloud/backend-node';

/** Compiles when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

interface MyClaims extends AccessTokenClaims {
  org_id: string;
}
interface Bare {
  tenant: string;
}

// --- constructors ---

new MonoCloudBackendNodeClient();
new MonoCloudBackendNodeClient({ tenantDomain: process.env.TENANT, audience: process.env.AUDIENCE });
new MonoCloudOidcBackendClient('acme.us.monocloud.com', 'https://api.example.com');
new MonoCloudOidcBackendClient('https://acme.us.monocloud.com', 'https://api.example.com', { clockSkew: 1 });
new MonoCloudBackendNodeClient({
  audience: ['api-a', 'https://api.example.com'] as const,
  introspectionAudience: 'when_present',
});
new MonoCloudOidcBackendClient('acme.us.monocloud.com', ['api-a', 'api-b'] as const);
// @ts-expect-error: a misspelled mode
new MonoCloudBackendNodeClient({ introspectionAudience: 'optional' });
// @ts-expect-error the audience is required
new MonoCloudOidcBackendClient('https://acme.us.monocloud.com');
// @ts-expect-error the parent class has no cache
new MonoCloudOidcBackendClient('https://acme.us.monocloud.com', 'https://api.example.com', { cache: undefined });
// @ts-expect-error must be a number
new MonoCloudBackendNodeClient({ clockTolerance: '300' });
// @ts-expect-error not a method
new MonoCloudBackendNodeClient({ clientAuthMethod: 'client_secret' });
// @ts-expect-error not a mode
new MonoCloudBackendNodeClient({ validateCertificateBinding: true });
// @ts-expect-error misspelt
new MonoCloudBackendNodeClient({ clockTolerence: 1 });

const everyOption: Required<MonoCloudBackendNodeClientOptions> = {
  tenantDomain: 'https://acme.us.monocloud.com',
  audience: 'https://api.example.com',
  introspectionAudience: 'required',
  diagnostics: 'reasons',
  clientId: 'api',
  clientSecret: 'secret',
  clientAuthMethod: 'private_key_jwt',
  assertionAudience: 'https://acme.example/introspect',
  groupOptions: { groupsClaim: 'roles', matchAll: true },
  scopeOptions: { scopesClaim: ['scp', ['context', 'scopes']], implies: { 'a:write': ['a:read'] } },
  permissionsClaim: ['https://acme.example/permissions'],
  rolesClaim: ['realm_access', 'roles'],
  clockSkew: 0,
  clockTolerance: 300,
  introspectJwtTokens: false,
  jwksCacheDuration: 300,
  jwksMaxStale: 86400,
  metadataCacheDuration: 300,
  verifiedTokenCacheSize: 10000,
  verifiedTokenCacheBytes: 33554432,
  responseTimeout: 5000,
  validateCertificateBinding: 'when_present',
  validateDPoPBinding: 'when_present',
  dpop: { maxAge: 60 },
  publicUrl: 'https://api.example.com',
  trustStoreId: 'store',
  clientCertificate: '/etc/api.crt',
  clientCertificateKey: '/etc/api.key',
  certificateAuthorities: '/etc/ca.pem',
  fetcher: fetch,
  metadataResolver: () => ({ issuer: 'https://acme.us.monocloud.com' }),
  jwksResolver: async () => ({ keys: [] }),
  cache: { get: async () => null, set: async () => {}, delete: async () => {} },
  introspectionCacheDuration: 60,
  revocation: { store: { cutoff: () => undefined } },
};
const client = new MonoCloudBackendNodeClient(everyOption);
const parent: MonoCloudOidcBackendClient = client;
const parentOptions: MonoCloudOidcBackendClientOptions = everyOption;

// --- the application's own functions ---

new MonoCloudBackendNodeClient({ fetcher: fetch });
new MonoCloudBackendNodeClient({ fetcher: (input, init) => fetch(input, { ...init, keepalive: true }) });
new MonoCloudBackendNodeClient({ fetcher: async () => new Response('{}') });
new MonoCloudBackendNodeClient({
  fetcher: async (input: string | URL | Request) => Response.json({ input: String(input) }),
});
new MonoCloudBackendNodeClient({
  fetcher: (input, init) => fetch(input, { ...init, dispatcher: new undici.Agent() } as unknown as RequestInit),
});
// @ts-expect-error a fetcher returns a promise
new MonoCloudBackendNodeClient({ fetcher: () => new Response() });
// @ts-expect-error `keys` is an array
new MonoCloudBackendNodeClient({ jwksResolver: () => ({ keys: {} }) });
// @ts-expect-error the issuer is required
new MonoCloudBackendNodeClient({ metadataResolver: () => ({ jwks_uri: 'https://a.b/jwks' }) });

// --- methods ---

async function methods(token: string): Promise<void> {
  const plain = await client.validateAccessToken(token);
  same<typeof plain, AccessTokenClaims>(true);
  plain.sub.length;
  same<typeof plain.anything, unknown>(true);

  const mine = await client.validateAccessToken<MyClaims>(token, { scopes: ['a'], groups: ['b'] });
  same<typeof mine, MyClaims>(true);
  mine.org_id.length;
  (await client.validateAccessToken<Bare>(token)).tenant.length;
  (await client.validateJwtAccessToken<Bare>(token)).tenant.length;
  (await client.introspectAccessToken<Bare>(token)).tenant.length;
  // @ts-expect-error the type of the claims must be stated; it is not inferred from the variable
  const guessed: MyClaims = await client.validateAccessToken(token);
  // @ts-expect-error claims are an object
  await client.validateAccessToken<string>(token);
  // @ts-expect-error a token is a string
  await client.validateAccessToken(undefined);
  // @ts-expect-error must be a list
  await client.validateAccessToken(token, { scopes: 'a b' });
  // @ts-expect-error only JWTs can use the caller's keys
  await client.introspectAccessToken(token, { jwks: { keys: [] } });

  const scopes = ['data:read', 'data:write'] as const;
  await client.validateAccessToken(token, { scopes, validateCertificateBinding: true, clientCertificate: undefined });
  const mutable: string[] = ['staff'];
  await client.validateAccessToken(token, { scopes: mutable, groups: mutable, validateCertificateBinding: 'required' });
  await client.validateAccessToken(token, { audience: ['api-a'] as const });
  await client.validateAccessToken(token, { acr: ['urn:example:mfa'] as const, maxAge: 300 });
  await client.introspectAccessToken(token, { groups: scopes, validateCertificateBinding: 'dangerously_ignore' });
  // @ts-expect-error not a mode
  await client.validateAccessToken(token, { validateCertificateBinding: 'never' });
  const constant = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '', key_ops: ['verify'], x5c: [] }] } as const;
  await client.validateJwtAccessToken(token, { jwks: constant });
  await client.validateAccessToken(token, { validateCertificateBinding: 'dangerously_ignore' });
  await client.introspectAccessToken(token, { validateCertificateBinding: 'required' });
  // @ts-expect-error not a mode
  await client.validateJwtAccessToken(token, { validateCertificateBinding: 'ignore' });

  const dpop: DPoPProofOptions = { proof: 'a.b.c', method: 'GET', url: 'https://api.example.com/orders' };
  await client.validateAccessToken(token, { scheme: 'dpop', dpop, validateDPoPBinding: true });
  await client.validateJwtAccessToken(token, { scheme: 'dpop', dpop: { ...dpop, url: new URL(dpop.url) } });
  await client.introspectAccessToken(token, { scheme: 'bearer', dpop: undefined, validateDPoPBinding: 'required' });
  const { dpop: header, method = '' } = {} as IncomingMessage['headers'] & {
    dpop?: string | string[];
    method?: string;
  };
  await client.validateAccessToken(token, { scheme: 'dpop', dpop: { proof: header, method, url: dpop.url } });
  // @ts-expect-error schemes are in lower case
  await client.validateAccessToken(token, { scheme: 'DPoP', dpop });
  // @ts-expect-error not a mode
  await client.validateAccessToken(token, { validateDPoPBinding: 'never' });
  // @ts-expect-error the method and the URL are required
  await client.validateAccessToken(token, { scheme: 'dpop', dpop: { proof: 'a.b.c' } });
  await client.validateJwtAccessToken(token, { jwks: await client.getJwks(true) });

  const explanation: Explanation = await client.explain(token, { scopes: ['data:read'], scheme: 'dpop', dpop });
  const failed: ExplainedRule | undefined = explanation.rules.find(({ outcome }) => outcome === 'failed');
  same<typeof explanation.decision, 'accepted' | 'refused' | 'undecided'>(true);
  same<ExplainedRule['received'], unknown>(true);
  console.warn(explanation.reason, failed?.rule, failed?.reason, failed?.fix);
  // @ts-expect-error an explanation is read-only
  explanation.decision = 'accepted';
  // @ts-expect-error not an option
  await client.explain(token, { scope: 'data:read' });

  const metadata: IssuerMetadata = await client.getMetadata();
  metadata.mtls_endpoint_aliases?.introspection_endpoint?.length;
  same<typeof metadata.anything, unknown>(true);

  client.setClockSkew(1);
  client.setClockTolerance(0);
  // @ts-expect-error seconds are a number
  client.setClockSkew('1');

  const nothing: void = await client.warmUp();
  const health: MonoCloudHealth = client.health();
  const age: number | undefined = health.keys.age;
  const count: number = health.keys.count + health.rememberedTokens + health.introspection.failures;
  if (!health.ready) console.warn(health.metadata.lastError, health.keys.nextRefresh, age, count, nothing, guessed);
  // @ts-expect-error a snapshot is read-only
  health.ready = true;

  same<ReturnType<typeof MonoCloudBackendNodeClient.decodeJwt<Bare>>, Bare>(true);
  const decoded = MonoCloudOidcBackendClient.decodeJwt(token);
  same<typeof decoded, JwtClaims>(true);
}

// --- subclasses and fakes ---

class Audited extends MonoCloudBackendNodeClient {
  override async validateAccessToken(token: string, options?: ValidateAccessTokenOptions): Promise<AccessTokenClaims> {
    return super.validateAccessToken(token, options);
  }

  override async validateJwtAccessToken<C extends object = AccessTokenClaims>(
    token: string,
    options?: ValidateJwtAccessTokenOptions,
  ): Promise<C> {
    return super.validateJwtAccessToken<C>(token, options);
  }

  override async introspectAccessToken(token: string, options?: IntrospectOptions): Promise<any> {
    return super.introspectAccessToken(token, options);
  }
}
const audited: MonoCloudBackendNodeClient = new Audited();
audited.validateAccessToken = async () => ({ iss: '', aud: '', sub: '', iat: 0, exp: 0 });

// --- errors ---

function describe(error: unknown): string {
  if (error instanceof MonoCloudTokenError) {
    const code: MonoCloudTokenErrorCode = error.code;
    same<typeof error.name, 'MonoCloudTokenError'>(true);
    // @ts-expect-error no such code
    if (error.code === 'expired') return '';
    if (error.code === 'use_dpop_nonce') same<typeof error.dpopNonce, string | undefined>(true);
    // @ts-expect-error it is read-only
    error.dpopNonce = 'nonce';
    return error.reason === 'expired' ? 'expired' : code;
  }
  if (error instanceof MonoCloudHttpError) return `${error.status ?? 'no response'} ${error.statusText ?? ''}`;
  if (error instanceof MonoCloudOPError) return `${error.error}: ${error.errorDescription ?? ''}`;
  if (error instanceof MonoCloudValidationError) return error.message;
  if (error instanceof MonoCloudAuthBaseError) return `${error.name} ${error.raw?.headers['retry-after'] ?? ''}`;
  return String(error);
}

/** The classes are different types, although some have the same members. */
function exhaustive(
  error: MonoCloudTokenError | MonoCloudValidationError | MonoCloudHttpError | MonoCloudOPError,
): string {
  if (error instanceof MonoCloudValidationError) return 'validation';
  if (error instanceof MonoCloudHttpError) return 'http';
  if (error instanceof MonoCloudOPError) return 'op';
  same<typeof error, MonoCloudTokenError>(true);
  return error.code;
}

const reason: MonoCloudReason = 'a word of a later release';
const raw: MonoCloudRawResponse = { status: 500, statusText: '', headers: {}, body: '' };
// As in the published package: the message, then the response.
new MonoCloudAuthBaseError('text');
new MonoCloudValidationError('audience is required');
new MonoCloudValidationError('audience is required', raw);
new MonoCloudTokenError('Token is missing required scopes');
new MonoCloudTokenError('Token has expired', raw);
new MonoCloudHttpError('out of reach', raw);
new MonoCloudOPError('invalid_client');
new MonoCloudOPError('invalid_client', 'Client authentication failed', raw);
// Then the reason, and the code.
new MonoCloudValidationError('audience is required', undefined, reason);
new MonoCloudHttpError('out of reach', raw, 'connection_refused');
new MonoCloudTokenError('Not yours', undefined, 'own', 'insufficient_groups');
new MonoCloudTokenError('Sign in again', undefined, 'acr_missing', 'insufficient_user_authentication');
new MonoCloudOPError('invalid_client', undefined, raw, 'client_refused');
same<MonoCloudAuthBaseError['reason'], MonoCloudReason | undefined>(true);
// @ts-expect-error a reason is not a response
new MonoCloudValidationError('audience is required', 'option_invalid');
// @ts-expect-error not a code
new MonoCloudTokenError('Token has expired', undefined, 'expired', 'expired');
class OwnError extends MonoCloudTokenError {
  constructor(message: string) {
    super(message);
  }
}
export const own: MonoCloudTokenError = new OwnError('Not today');

// --- caches ---

class MapCache implements ICache {
  readonly #entries = new Map<string, AccessTokenClaims>();

  async get(token: string): Promise<AccessTokenClaims | undefined> {
    return this.#entries.get(token);
  }

  async set(token: string, claims: AccessTokenClaims, _expiresAt: number): Promise<void> {
    this.#entries.set(token, claims);
  }

  async delete(token: string): Promise<void> {
    this.#entries.delete(token);
  }
}

class ScopedCache extends MapCache implements IIntrospectionCache {
  scope({ issuer, audience }: { issuer: string; audience: string }): ICache {
    return issuer === audience ? this : new MapCache();
  }
}

new MonoCloudBackendNodeClient({ cache: new MapCache() });
new MonoCloudBackendNodeClient({ cache: new ScopedCache() });
// @ts-expect-error `delete` is missing
new MonoCloudBackendNodeClient({ cache: { get: async () => null, set: async () => {} } });

// --- the other public names ---

const binding: CertificateBindingValidation[] = ['when_present', 'required', 'dangerously_ignore'];
const methodsOfAuthentication: Record<ClientAuthMethod, true> = {
  client_secret_basic: true,
  client_secret_post: true,
  client_secret_jwt: true,
  private_key_jwt: true,
  tls_client_auth: true,
  self_signed_tls_client_auth: true,
  spiffe_jwt: true,
  spiffe_x509: true,
};
const groupOptions: IsUserInGroupOptions = { groupsClaim: 'groups', matchAll: false };
const key: Jwk = { kty: 'RSA', n: '', e: 'AQAB', kid: '1' };
const keys: Jwks = { keys: [key] };
const header: JwsHeaderParameters = { alg: 'RS256', kid: '1', custom: 1 };
const aliases: MtlsEndpointAliases = { introspection_endpoint: 'https://mtls.a.b/introspect' };
const protectOptions: ProtectOptions = { scopes: ['a'] };
const rules: Readonly<Record<string, ClaimRule>> = {
  tenant: 'acme',
  level: 3,
  verified: true,
  deleted: null,
  plan: { in: ['pro', 1, false, null] as const },
  amr: { contains: 'otp' },
  'https://acme.example/tags': { contains: ['a', 'b'] as const },
};
const policies: ProtectOptions & ValidateAccessTokenOptions = {
  anyScopes: ['a', 'b'] as const,
  permissions: ['p'],
  roles: undefined,
  claims: rules,
};
// @ts-expect-error a rule has one kind
export const twoKinds: ClaimRule = { in: ['a'], equals: 'a' };
// @ts-expect-error an array is no rule
export const arrayRule: ClaimRule = ['a'];
// @ts-expect-error a value in `in` is no object
export const objectRule: ClaimRule = { in: [{}] };
const scopeOptions: ScopeOptions = { scopesClaim: ['scp', ['context', 'scopes']] as const, implies: { a: ['b'] } };
const claimName: ClaimName = ['realm_access', 'roles'] as const;
export const codes: MonoCloudTokenErrorCode[] = ['insufficient_permissions', 'insufficient_claims'];
export const policyUses = [policies, scopeOptions, claimName];
/** Lists of an application's own types, mutable or not, are accepted wherever a list is accepted. */
const lists: [string[], readonly string[]] = [['a'], ['b']];
export const listed: ProtectOptions[] = lists.map((list) => ({ scopes: list, groups: list }));
export const inGroup: boolean[] = lists.map((list) => isUserInGroup({ groups: ['a'] }, list));
export const published = (
  client: MonoCloudBackendNodeClient,
  options: { scopes?: string[]; groups?: string[]; validateCertificateBinding?: boolean },
) => client.validateAccessToken('a.b.c', options);
const METADATA = {
  issuer: 'https://a.b',
  scopes_supported: ['a'],
  mtls_endpoint_aliases: { token_endpoint: 'https://c' },
} as const;
new MonoCloudBackendNodeClient({ metadataResolver: () => METADATA });
const token: TokenResolver<{ cookie: string }> = (request) => request.cookie;
const certificate: ClientCertificateResolver<{ pem?: string }> = async (request) => request.pem;
const requestOptions: ProtectApiRequestOptions<{ cookie: string }> = { tokenResolver: token };
const forwardedRequest: ForwardedRequest = { headers: {}, url: '/' };
const url: string | undefined = fromForwarded()(forwardedRequest);
const urlOfNode: UrlResolver<IncomingMessage> = fromForwarded();
const urlOfWeb: UrlResolver<Request> = fromForwarded();

export {
  aliases,
  binding,
  certificate,
  describe,
  exhaustive,
  groupOptions,
  header,
  keys,
  methods,
  methodsOfAuthentication,
  parent,
  parentOptions,
  protectOptions,
  requestOptions,
  url,
  urlOfNode,
  urlOfWeb,
};
