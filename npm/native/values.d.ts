/**
 * The values that the add-on and the JavaScript files exchange, and for which Rust has no type: JSON documents and plain
 * objects. `binding.d.ts`, which is generated, imports these types.
 *
 * They are for the type check of this package only and are not published.
 */
import type { webcrypto } from 'node:crypto';

import type { AccessTokenClaims, JwtClaims } from '../types/claims.js';
import type { CacheEntryOrigin } from '../types/cache.js';
import type { MonoCloudTokenErrorCode } from '../types/errors.js';
import type { DPoPBindingValidation } from '../types/dpop.js';
import type { IssuerMetadata, Jwks } from '../types/issuer.js';
import type { CertificateBindingValidation } from '../types/options.js';

declare const document: unique symbol;

/** The JSON text of a `T`. `JSON.parse` of this text returns a `T`. Any other text is parsed to `any`. */
export type Json<T> = string & { readonly [document]: T };

declare global {
  interface JSON {
    parse<T>(text: Json<T>): T;
  }
}

export type Claims = AccessTokenClaims;
export type { CertificateBindingValidation, DPoPBindingValidation, IssuerMetadata, Jwks, JwtClaims };

/** A public key (RFC 7517 §4), as Web Crypto takes it. */
export type PublicJwk = webcrypto.JsonWebKey;

/** An introspection response (RFC 7662 §2.2) whose `active` is true. */
export type IntrospectionResponse = AccessTokenClaims & { active?: true };

/** What a refresh of the keys ended with. `leftOut` counts the keys that cannot be used, by their flaw. */
export type KeysEvent = { duration: number } & (
  { keys: number; leftOut?: Record<string, number>; reason?: undefined } | { reason: string }
);

/** What an exchange with the authorization server left behind. */
export interface FailureDetail {
  status: number | null;
  statusText: string;
  headers: Record<string, string>;
  body: string;
  error: string | null;
  errorDescription: string | null;
  retryAfter: number | null;
  isOutage: boolean;
}

/** Claims with blanks, which the engine fills in for each token. */
export interface ClaimsTemplate {
  /** Has `cnf` if one of the blanks is in it. */
  claims: Claims & { cnf: Record<string, unknown> };
  blanks: Array<{ name: string; isText: boolean; isInCnf?: true }>;
}

/** The member of a cache entry that tells how and when the entry was obtained. */
export interface ObtainedMember {
  'monocloud:obtained': CacheEntryOrigin;
}

/** A request for one of the user's functions. `kind` chooses the function. */
export type HostRequest =
  | { id: number; kind: 'jwks' | 'metadata'; timeLimit?: undefined }
  | {
      id: number;
      kind: 'http';
      url: string;
      headers: Array<[name: string, value: string]>;
      form: string | null;
      timeLimit: number | null;
    };

/** The state of a document of the issuer. Times are in seconds. */
export interface DocumentHealth {
  age: number | null;
  nextRefresh: number | null;
  lastError: string | null;
}

export interface Health {
  metadata: DocumentHealth;
  keys: DocumentHealth & { count: number };
  introspection: {
    failures: number;
    lastError: string | null;
    suspended: boolean;
    inFlight: number;
    queued: number;
  };
  rememberedProofs: number;
  rememberedTokens: number;
}

/** One entry of a JWK Set, with its members as they are. `why` and `explanation` name the flaw of a key that cannot be used. */
export interface JwkDescription {
  index: number;
  kid: unknown;
  kty: unknown;
  crv: unknown;
  alg: unknown;
  use: unknown;
  usable: boolean;
  why: string | null;
  explanation: string | null;
}

/** The options that an explanation names, by their names. A claim is the list of the names of its path. */
export interface ShownOptions {
  audience: readonly string[];
  introspectionAudience: 'required' | 'when_present';
  validateCertificateBinding: 'when_present' | 'required' | 'dangerously_ignore';
  validateDPoPBinding: 'when_present' | 'required' | 'dangerously_ignore';
  'dpop.algorithms': string;
  'dpop.maxAge': number;
  'dpop.leeway': number;
  /** Whether there is a secret. */
  'dpop.nonceSecret': boolean;
  'scopeOptions.scopesClaim': string[][];
  'groupOptions.groupsClaim': string[];
  'groupOptions.matchAll': boolean;
  permissionsClaim: string[];
  rolesClaim: string[];
  clockSkew: number;
  clockTolerance: number;
}

/** A row of the table of options. */
export interface OptionSpec {
  name: string;
  variable: string;
  kind: 'boolean' | 'list' | 'number' | 'secret' | 'text';
  /** The row in the documentation, its heading, and its columns. */
  place?: number;
  group?: string;
  values?: string;
  default?: string;
  description?: string;
}

/** A row of the table of reasons. `outcomeCode` is the code of the reason in an outcome. */
export interface FailureSpec {
  outcomeCode: number;
  /** The code of the reason for a token that lacks required scopes too, if the reason has one. */
  outcomeCodeLackingScopes?: number | null;
  /** Set by `errors/errors.js`. */
  lacksScopes?: boolean;
  reason: string;
  name: 'MonoCloudTokenError' | 'MonoCloudValidationError' | 'MonoCloudOPError' | 'MonoCloudHttpError';
  /** The `code` of a `MonoCloudTokenError`. */
  code: MonoCloudTokenErrorCode | null;
  message: string;
  /** The status of the response that `protectApi` sends. */
  status: number;
  isOutage: boolean;
  /** Whether a cache may keep that the token was rejected. */
  isCacheable: boolean;
  /** Whether it concerns the request and not the token. */
  concernsRequest: boolean;
  /** Seconds after which the caller may retry, if they are the same for every failure with this reason. */
  retryAfter: number | null;
}

/** How a wait for newer keys ended. */
export interface KeyWaitEnd {
  /** Whether the caller that began the wait decides with the keys that are there now. Otherwise it may wait again. */
  isRefreshed: boolean;
  /** The same for the callers that joined the wait. */
  isRefreshedForJoined: boolean;
  /** The same for those of them whose last wait it was. */
  isRefreshedForLast: boolean;
}

/** The next step of a caller that needs newer keys: it begins the wait with this number, or joins it. */
export type KeyWait =
  | { wait: number; ended: Promise<KeyWaitEnd>; isLast?: undefined }
  | { wait: number; ended?: undefined; isLast: boolean };
