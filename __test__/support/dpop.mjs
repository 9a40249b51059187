// How does a test make DPoP proofs (RFC 9449 §4.2), and tokens that are bound to their keys?
//
// With node:crypto only: many of the proofs are ones that a client library would never send.

import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { compact, compactRaw } from './jws.mjs';
import { generate, keySet, kindOf } from './keys.mjs';

/** The default of `dpop.algorithms`, as challenges publish it. */
export const DEFAULT_ALGS = 'ES256 EdDSA Ed25519 PS256 RS256';
/** The defaults of `dpop.maxAge` and `dpop.leeway`, in seconds. */
export const MAX_AGE = 60;
export const LEEWAY = 30;

/** RFC 7638 §3: the required members in lexicographic order, without white space. */
export function thumbprint(jwk) {
  const names = { EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'], OKP: ['crv', 'kty', 'x'] }[jwk.kty];
  return sha256(JSON.stringify(Object.fromEntries(names.map((name) => [name, jwk[name]]))));
}

/** RFC 9449 §4.2: the claim `ath` of a token. */
export const athOf = (token) => sha256(token);

const sha256 = (text) => createHash('sha256').update(text).digest('base64url');

/**
 * A sender's key: `{ alg, privateKey, jwk, jkt }`. The same name and algorithm give the same key, because an RSA pair
 * takes a tenth of a second.
 */
export async function proofKey(alg = 'ES256', name = 'sender') {
  const pairs = await keySet(`dpop-${name}`);
  return keyOf(alg, pairs[kindOf(alg)].privateKey);
}

/** A sender's key that nobody had before. */
export async function freshKey() {
  return keyOf('ES256', (await generate('ec', { namedCurve: 'P-256' })).privateKey);
}

export function keyOf(alg, privateKey) {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  return { alg, privateKey, jwk, jkt: thumbprint(jwk) };
}

/**
 * A proof for one request. A member of `header` or `claims` that is `undefined` is left out. `signer` signs instead
 * of `key`, whose public part the header still has.
 */
export function proofOf({ key, signer = key, header, claims, ...request }) {
  return compact(headerOf(key, header), claimsOf(request, claims), signer.privateKey, signer.alg);
}

/** A proof of any text: `header` and `claims` receive the usual text and return another one, or octets. */
export function proofText({ key, header = same, claims = same, ...request }) {
  const [first, second] = [headerOf(key), claimsOf(request)].map((part) => JSON.stringify(part));
  return compactRaw(header(first), claims(second), key.privateKey, key.alg);
}

const same = (text) => text;

export const headerOf = (key, changes) => ({ typ: 'dpop+jwt', alg: key.alg, jwk: key.jwk, ...changes });

export function claimsOf({ method = 'GET', url, token, jti = randomUUID(), iat = nowSeconds(), nonce }, changes) {
  return {
    jti,
    htm: method,
    htu: url,
    iat,
    ...(token === undefined ? {} : { ath: athOf(token) }),
    ...(nonce === undefined ? {} : { nonce }),
    ...changes,
  };
}

export const nowSeconds = () => Math.floor(Date.now() / 1000);

/** A JWT of `issuer` (startIssuer) that only the holder of `key` can use (RFC 9449 §6.1). */
export function boundToken(issuer, key, claims = {}) {
  return issuer.sign({ alg: 'ES256', claims: { cnf: { jkt: key.jkt }, ...claims } });
}

/** An opaque token whose introspection response names the key (RFC 9449 §6.2). */
export function boundOpaque(issuer, key, claims = {}) {
  return issuer.opaque({ token_type: 'DPoP', cnf: { jkt: key.jkt }, ...claims });
}

/** The two header fields of a request (RFC 9449 §7.1). */
export const credentials = (token, proof) => ({
  authorization: `DPoP ${token}`,
  ...(proof === undefined ? {} : { dpop: proof }),
});

/** The header fields of a request with a new proof. */
export const boundRequest = ({ key, token, url, ...rest }) => credentials(token, proofOf({ key, token, url, ...rest }));

/** The options of `validateAccessToken` for a request without a framework. */
export const presented = (proof, { method = 'GET', url }) => ({ scheme: 'dpop', dpop: { proof, method, url } });

/** The decision of a client: `accepted`, or the reason of the refusal. */
export const outcomeOf = (decision) =>
  decision.then(
    () => 'accepted',
    ({ reason, name, message }) => reason ?? `${name}: ${message}`,
  );

/** The messages of the events `monocloud:backend:NAME` while `use` runs. */
export async function eventsOf(name, use) {
  const messages = [];
  const listener = (message) => messages.push(message);
  subscribe(`monocloud:backend:${name}`, listener);
  try {
    await use(messages);
  } finally {
    unsubscribe(`monocloud:backend:${name}`, listener);
  }
  return messages;
}
