// How does a test validate JWTs without an issuer?
//
// A resolver supplies the keys, so there are no requests. The tokens are those of the vectors (vectors.mjs), valid at
// the time of the call.

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import './backend.mjs';
import { file, jwksOf, tokenOf } from './vectors.mjs';

export const ISSUER = file.issuer;
export const AUDIENCE = file.audience;
export const JWKS = jwksOf({});

/** A token of valid claims for an hour, with changes from `claims` (values; `undefined` leaves one out). */
export function signed(claims = {}, { alg = 'EdDSA', header = {} } = {}) {
  const now = Math.floor(Date.now() / 1000);
  return tokenOf({ claims: texts({ iat: now, exp: now + 3600, ...claims }), header: texts(header), sign: { alg } })
    .token;
}

/** A token whose claims are this text. */
export function signedText(claimsText) {
  return tokenOf({ claimsText }).token;
}

/** A client whose keys are `JWKS`. */
export function offline(options) {
  return new MonoCloudBackendNodeClient({
    tenantDomain: ISSUER,
    audience: AUDIENCE,
    jwksResolver: () => JWKS,
    ...options,
  });
}

function texts(members) {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, JSON.stringify(value) ?? null]));
}
