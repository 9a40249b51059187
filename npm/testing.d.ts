/// <reference types="node" />
/**
 * An authorization server for your tests. It creates tokens, and the production engine validates them: nothing is mocked
 * and no check is skipped.
 *
 * The engine is native, so tools that intercept HTTP in JavaScript (msw, nock, a replaced `fetch`) do not see its
 * requests. A test issuer needs none of them.
 *
 * Keys are created in each process. The module throws on import if `NODE_ENV` is `production`.
 *
 * Time is `Date.now()` for tokens, proofs and all validation rules, so fake timers let tokens expire. Fake `Date` alone
 * (`vi.useFakeTimers({ toFake: ['Date'] })`). Cached keys age by the monotonic clock, which fake timers do not change.
 */
import type { DPoPAlgorithm, MonoCloudBackendNodeClientOptions, MonoCloudReason } from '../index.js';

/** Options of {@link createTestIssuer}. An unknown member throws (`argument_invalid`). */
export interface TestIssuerOptions {
  /** The issuer's name: an `https://` URL, which nobody needs to serve. Default: `https://issuer.test`. */
  issuer?: string | undefined;
  /** The `aud` of its tokens. Default: `https://api.test`. */
  audience?: string | undefined;
  /** The algorithm of its tokens. Default: `ES256`. RSA keys take up to a second to create. */
  alg?:
    | 'RS256'
    | 'RS384'
    | 'RS512'
    | 'PS256'
    | 'PS384'
    | 'PS512'
    | 'ES256'
    | 'ES384'
    | 'ES512'
    | 'EdDSA'
    | 'Ed25519'
    | undefined;
  /**
   * The default claims of every token, in addition to `iss`, `aud`, `sub` (`test-user`), `client_id` (`test-client`),
   * `jti`, `iat` and `exp`. Default: none.
   */
  claims?: Record<string, unknown> | undefined;
}

/** Claims of one token. They replace the default claims. A member that is `undefined` is left out. */
export type TestClaims = Record<string, unknown>;

/** Options of one token. */
export interface TestTokenOptions {
  /** Seconds from now to `exp`. Default: 3600. A negative number creates an expired token. */
  expiresIn?: number | undefined;
  /** Members of the header. They replace the default ones. A member that is `undefined` is left out. */
  header?: Record<string, unknown> | undefined;
  /** The `kid` of the key that signs, also one that `rotateKeys()` has withdrawn. Default: the current key. */
  key?: string | undefined;
}

/** The headers of a request with a DPoP proof (RFC 9449 §7.1). */
export interface TestDPoPHeaders {
  authorization: string;
  dpop: string;
  [name: string]: string;
}

/** A client of your API with its own DPoP key. */
export interface TestDPoPHolder {
  /** The thumbprint of its key (RFC 7638): `issuer.token({ cnf: { jkt: holder.jkt } })`. */
  readonly jkt: string;
  /**
   * The headers of one request, with a new proof. `url` is the URL as the API sees it. Its query and fragment are left
   * out. `nonce` is the value of the `DPoP-Nonce` header of an earlier response.
   */
  headers(request: { method: string; url: string; token: string; nonce?: string | undefined }): TestDPoPHeaders;
}

/** What creates tokens. */
export interface TestTokens {
  /** The issuer's name, the `iss` of its tokens. */
  readonly issuer: string;
  /** The `aud` of its tokens. */
  readonly audience: string;
  /** Creates an access token (RFC 9068). */
  token(claims?: TestClaims, options?: TestTokenOptions): string;
  /** Creates an opaque token, which the client introspects (RFC 7662). The claims are the response. */
  opaque(claims?: TestClaims): string;
  /**
   * Creates a token that is rejected for exactly this reason. It is a new one on each call.
   *
   * The reasons of a route's requirements need a route that has them: `scope_missing` returns a good token without scopes.
   * `revoked` returns a token that every cut-off of its user revokes.
   *
   * @throws TypeError No token alone causes this reason: it is about a DPoP proof, a certificate, the configuration or an
   *   outage. The message lists the reasons that it takes.
   */
  bad(reason: MonoCloudReason): string;
  /** A token as headers: `request(app).get('/').set(issuer.bearer({ scope: 'data:read' }))`. */
  bearer(claims?: TestClaims): { authorization: string };
  /** Creates a client with a DPoP key (RFC 9449). Default algorithm: `ES256`. */
  dpop(options?: { alg?: DPoPAlgorithm | undefined }): TestDPoPHolder;
  /**
   * Creates a self-signed client certificate (RFC 8705): its PEM text, and its thumbprint for
   * `issuer.token({ cnf: { 'x5t#S256': thumbprint } })`. Give the PEM to your `certificateResolver`.
   */
  certificate(): { readonly pem: string; readonly thumbprint: string };
}

/**
 * How an issuer fails: it refuses connections, never answers (until `responseTimeout`), answers with this status from 400
 * to 599, or with a body that is not JSON.
 */
export type TestOutage = 'refused' | 'timeout' | 'rubbish' | number;

/** A request that the issuer received. */
export interface TestIssuerRequest {
  kind: 'metadata' | 'jwks' | 'introspection';
  /** Milliseconds since 1970-01-01T00:00:00Z, by `Date.now()`. */
  at: number;
}

/** A test issuer as a server. */
export interface TestIssuerServer {
  /** Its URL, which is the issuer's name from now on. */
  readonly url: string;
  /** The environment variables for an application that reads its configuration from there. */
  readonly env: Record<string, string>;
  close(): Promise<void>;
}

/** An authorization server inside the test process. */
export interface TestIssuer extends TestTokens {
  /**
   * Options for `new MonoCloudBackendNodeClient(issuer.options)`. Their `fetcher` answers in this process, so no socket is
   * opened. Spread them to add your own options.
   */
  readonly options: MonoCloudBackendNodeClientOptions;
  /** Makes introspection report this token as inactive, from now on. A client with a cache may notice it later. */
  revoke(token: string): void;
  /**
   * Replaces the keys. The old ones are not published any more. A client learns it with the first token of the new key, or
   * by `client.getJwks(true)`.
   */
  rotateKeys(): void;
  /**
   * Makes every request fail from now on. Default: `refused`. A client keeps the keys and metadata that it already has, and
   * waits between attempts, also for some seconds after `recover()`. A new client asks at once.
   */
  outage(kind?: TestOutage): void;
  /** Ends the outage. */
  recover(): void;
  /** The last 10,000 requests, oldest first. */
  readonly requests: readonly TestIssuerRequest[];
  /**
   * Starts a real server on 127.0.0.1, for an application that is configured by the environment. The issuer's name becomes
   * its URL, so create tokens after it. Default port: a free one. The server does not keep the process alive.
   */
  listen(port?: number): Promise<TestIssuerServer>;
}

/**
 * Creates an authorization server in this process.
 *
 * @throws TypeError `alg` is not known.
 * @throws MonoCloudValidationError The options are not a plain object, or have an unknown member (`argument_invalid`).
 */
export function createTestIssuer(options?: TestIssuerOptions): TestIssuer;

/**
 * Returns the tokens of the issuer that `@monocloud/backend-node/testing/setup` started in another process, or whose `env`
 * this process has. They cannot rotate keys or cause an outage: use `createTestIssuer()` for such tests.
 *
 * @throws Error The variable `MONOCLOUD_TEST_ISSUER` is not set.
 */
export function connectTestIssuer(): TestTokens;
