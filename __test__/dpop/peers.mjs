// How do jose and oauth4webapi decide on a DPoP proof?
//
// Each decides as strictly as its options allow. jose has no check of DPoP, so the claims are checked here, as its
// documentation says (EmbeddedJWK).

import { webcrypto } from 'node:crypto';

import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';

import { athOf, credentials, LEEWAY, MAX_AGE } from '../support/dpop.mjs';

// Both use the global, which Node 18 does not have.
globalThis.crypto ??= webcrypto;

/** A function that returns `accepted`, or the error's code, for a request. `now` is in seconds, by default the clock. */
export function joseDecides({ algorithms, now }) {
  const options = {
    typ: 'dpop+jwt',
    algorithms,
    requiredClaims: ['jti', 'htm', 'htu', 'iat', 'ath'],
    maxTokenAge: MAX_AGE,
    clockTolerance: LEEWAY,
    ...(now === undefined ? {} : { currentDate: new Date(now * 1000) }),
  };
  return decision(async ({ text, token, jkt, method, url }) => {
    const { payload, protectedHeader } = await jwtVerify(text, EmbeddedJWK, options);
    const { jti, htm, htu, ath } = payload;
    if (typeof jti !== 'string' || jti === '') throw refusal('jti');
    if (htm !== method) throw refusal('htm');
    if (typeof htu !== 'string' || hrefOf(htu) !== hrefOf(url)) throw refusal('htu');
    if (ath !== athOf(token)) throw refusal('ath');
    if ((await calculateJwkThumbprint(protectedHeader.jwk)) !== jkt) throw refusal('jkt');
  });
}

/** The same for `validateJwtAccessToken`, which also validates the token, by the keys of `issuer`. */
export function oauthDecides({ issuer, jwks, audience, algorithms }) {
  const server = { issuer, jwks_uri: `${issuer}/jwks` };
  const options = {
    requireDPoP: true,
    signingAlgorithms: algorithms,
    [oauth.clockTolerance]: LEEWAY,
    [oauth.jwksCache]: { jwks, uat: Math.floor(Date.now() / 1000) },
    [oauth.customFetch]: async () => Response.json(jwks),
  };
  return decision(({ text, token, method, url }) => {
    const request = new Request(url, { method, headers: credentials(token, text) });
    return oauth.validateJwtAccessToken(server, request, audience, options);
  });
}

const decision = (decide) => (request) =>
  decide(request).then(
    () => 'accepted',
    (error) => error.code ?? error.name,
  );

const refusal = (code) => Object.assign(new Error(code), { code });

/** As oauth4webapi compares: the URL class, without query and fragment. */
function hrefOf(text) {
  const url = new URL(text);
  url.search = '';
  url.hash = '';
  return url.href;
}
