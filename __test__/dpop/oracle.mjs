// Which reason does a proof have to be refused for?
//
// The rules of RFC 9449 §4.3 in the order of docs/dpop.md, written again with node:crypto and used only here. Within
// one step several rules may fail; each of their reasons is then right.

import { isUtf8 } from 'node:buffer';
import { constants, createPublicKey, verify } from 'node:crypto';

import { inspectJson } from '../differential/json.mjs';
import { athOf, LEEWAY, MAX_AGE, thumbprint } from '../support/dpop.mjs';
import { comparable } from './url-oracle.mjs';

const MAX_PROOF_BYTES = 8192;
const MAX_DEPTH = 32;
const MAX_JTI_BYTES = 256;
const RSA_BITS = [2048, 4096];
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const TYPES = ['dpop+jwt', 'application/dpop+jwt'];
export const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];

/** RFC 7518 §3.1, RFC 8037 §3.1: the key that an algorithm needs, and the octets of a coordinate. */
const KEYS = {
  ES256: { kty: 'EC', crv: 'P-256', octets: 32 },
  ES384: { kty: 'EC', crv: 'P-384', octets: 48 },
  ES512: { kty: 'EC', crv: 'P-521', octets: 66 },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', octets: 32 },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', octets: 32 },
  PS256: { kty: 'RSA' },
  RS256: { kty: 'RSA' },
};

/**
 * The reasons of the first step that fails; none for a good proof. `now` is in seconds. Replays and nonces have tests
 * of their own.
 */
export function reasonsFor({ text, token, jkt, method, url, now, algorithms = ALGORITHMS }) {
  const parts = text.split('.');
  const form = [
    [Buffer.byteLength(text) > MAX_PROOF_BYTES, 'dpop_proof_too_large'],
    [parts.length !== 3 || !parts.every(isStrict), 'dpop_proof_malformed'],
  ];
  if (failing(form).length > 0) return failing(form);

  const [header, claims] = parts.slice(0, 2).map((part) => octetsOf(part));
  const head = strictObject(header);
  if (!head) return ['dpop_header_invalid'];
  const ofHeader = headerReasons(head.value, head.duplicates, algorithms);
  if (ofHeader.length > 0) return ofHeader;

  const body = strictObject(claims);
  if (!body || body.duplicates.some((path) => path.length === 1) || !hasClaims(body, body.value)) {
    return ['dpop_claims_invalid'];
  }
  const { alg, jwk } = head.value;
  const { iat, exp, nbf, ath, htm, htu } = body.value;
  const expected = comparable(url);
  const match = [
    [ath !== athOf(token), 'dpop_token_mismatch'],
    [htm !== method, 'dpop_method_mismatch'],
    [comparable(htu) !== expected, 'dpop_url_mismatch'],
  ];
  if (failing(match).length > 0) return failing(match);

  if (thumbprint(jwk) !== jkt) return ['dpop_key_mismatch'];
  if (jwk.kty !== 'RSA' && !isPoint(jwk)) return ['dpop_key_invalid'];
  if (!isSigned(alg, jwk, `${parts[0]}.${parts[1]}`, octetsOf(parts[2]))) return ['dpop_signature_invalid'];
  return failing([
    [iat < now - MAX_AGE || exp <= now - LEEWAY, 'dpop_expired'],
    [iat > now + LEEWAY || nbf > now + LEEWAY, 'dpop_not_yet_valid'],
  ]);
}

const failing = (rules) => rules.filter(([fails]) => fails).map(([, reason]) => reason);
const octetsOf = (part) => Buffer.from(part, 'base64url');
const isStrict = (part) => /^[\w-]+$/.test(part) && octetsOf(part).toString('base64url') === part;
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const has = (object, name) => Object.hasOwn(object, name);

/** The facts about one JSON object (RFC 8259) of UTF-8; `undefined` for anything else. */
function strictObject(octets) {
  if (!isUtf8(octets)) return undefined;
  const facts = inspectJson(octets);
  return !facts.hasBom && facts.depth <= MAX_DEPTH && isObject(facts.value) ? facts : undefined;
}

function headerReasons(header, duplicates, algorithms) {
  const { typ, alg, jwk } = header;
  const isRepeatedInKey = duplicates.some(([name, ...inner]) => name === 'jwk' && inner.length > 0);
  const lacksText = typeof typ !== 'string' || typeof alg !== 'string' || !isObject(jwk);
  return failing([
    [lacksText || isRepeatedInKey || duplicates.some((path) => path.length === 1), 'dpop_header_invalid'],
    [has(header, 'crit') || has(header, 'b64'), 'dpop_header_invalid'],
    [isRepeatedInKey, 'dpop_key_invalid'],
    [typeof typ !== 'string' || !TYPES.includes(typ.toLowerCase()), 'dpop_type_not_allowed'],
    [typeof alg !== 'string' || !algorithms.includes(alg), 'dpop_algorithm_not_allowed'],
    [!isKeyFor(alg, jwk), 'dpop_key_invalid'],
  ]);
}

function isKeyFor(alg, jwk) {
  const wanted = Object.hasOwn(KEYS, alg) ? KEYS[alg] : undefined;
  if (!isObject(jwk) || !wanted || PRIVATE.some((name) => has(jwk, name))) return false;
  if (jwk.kty !== wanted.kty || !isMeantFor(alg, jwk)) return false;
  if (wanted.kty === 'RSA') return isModulus(jwk.n) && isExponent(jwk.e);
  if (jwk.crv !== wanted.crv) return false;
  const coordinates = wanted.kty === 'EC' ? [jwk.x, jwk.y] : [jwk.x];
  const areLong = coordinates.every((text) => isText(text) && octetsOf(text).length === wanted.octets);
  return areLong;
}

/** RFC 7517 §4.2 to §4.4: a key that says what it is for is for nothing else. */
function isMeantFor(alg, { use, key_ops: operations, alg: own }) {
  const names = alg === 'EdDSA' || alg === 'Ed25519' ? ['EdDSA', 'Ed25519'] : [alg];
  return (
    (use === undefined || use === 'sig') &&
    (own === undefined || names.includes(own)) &&
    (operations === undefined || (Array.isArray(operations) && operations.includes('verify')))
  );
}

const isText = (text) => typeof text === 'string' && isStrict(text);
const bitsOf = (octets) => (octets[0] === 0 ? 0 : BigInt(`0x${octets.toString('hex')}`).toString(2).length);

function isModulus(text) {
  if (!isText(text)) return false;
  const bits = bitsOf(octetsOf(text));
  return bits >= RSA_BITS[0] && bits <= RSA_BITS[1];
}

function isExponent(text) {
  if (!isText(text) || octetsOf(text)[0] === 0) return false;
  const exponent = BigInt(`0x${octetsOf(text).toString('hex')}`);
  return exponent % 2n === 1n && exponent >= 3n && exponent < 2n ** 32n;
}

function isPoint(jwk) {
  try {
    const { kty, crv, x, y } = jwk;
    return createPublicKey({ key: { kty, crv, x, ...(kty === 'EC' && { y }) }, format: 'jwk' }) !== undefined;
  } catch {
    return false;
  }
}

function hasClaims({ loneSurrogates }, { jti, htm, htu, ath, iat, exp = 0, nbf = 0, nonce = '' }) {
  const areTexts = [jti, htm, htu, ath, nonce].every((value) => typeof value === 'string');
  const isRead = ([name]) => ['jti', 'htm', 'htu', 'ath', 'nonce'].includes(name);
  if (!areTexts || loneSurrogates.some(isRead) || ![iat, exp, nbf].every(Number.isFinite)) return false;
  const octets = Buffer.byteLength(jti);
  return octets >= 1 && octets <= MAX_JTI_BYTES;
}

function isSigned(alg, jwk, input, signature) {
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  const how = { ES: { dsaEncoding: 'ieee-p1363' }, PS: { padding, saltLength }, RS: {}, Ed: {} }[alg.slice(0, 2)];
  const hash = alg.startsWith('Ed') ? undefined : `sha${alg.slice(2)}`;
  return verify(hash, Buffer.from(input), { key, ...how }, signature);
}
