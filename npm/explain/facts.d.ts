/** What the parts of an explanation pass to each other. These types are for the type check only and are not published. */
import type { ShownOptions } from '../native/values.js';
import type { AccessTokenClaims } from '../types/claims.js';
import type { Jwks, JwsHeaderParameters } from '../types/issuer.js';

/** A rule, and the reasons of its failures. */
export type Rule = [name: string, ...reasons: string[]];

/** A DPoP proof as the caller gave it, and the request that it should be for. */
export interface PresentedProof {
  text: string;
  method: string;
  url: string;
}

/** What a proof does not match: the method or the URL of the request, and that of the proof. */
export interface Mismatch {
  expected: string | undefined;
  got: string;
}

/** Members of a document that nothing has checked. */
export type Unchecked<T> = { [Name in keyof T]?: unknown };

/** What the call or the route requires. */
export interface Requirements {
  scopes: readonly string[];
  anyScopes: readonly string[] | undefined;
  groups: readonly string[];
  permissions: readonly string[];
  roles: readonly string[];
  acr: readonly string[] | undefined;
  maxAge: number | undefined;
  /** JSON text. */
  claims: string | undefined;
}

/** What the description of a rule can name. */
export interface TokenFacts {
  token: string;
  header: Unchecked<JwsHeaderParameters> | undefined;
  claims: Unchecked<AccessTokenClaims> | undefined;
  isIntrospected: boolean;
  issuer: string;
  jwks: Jwks | undefined;
  options: ShownOptions;
  requirements: Requirements;
  /** Epoch seconds, with the clock skew. */
  now: number;
  proof?: PresentedProof | undefined;
  mismatch?: Mismatch | undefined;
}
