'use strict';

/**
 * What does a DPoP proof say, and what should it say (RFC 9449 §4.3)? The engine decides. Values are read from the proof
 * only to show them. Neither the proof nor its `jti`, `ath` and nonce are shown.
 */

/** @import { PresentedProof, Rule, TokenFacts } from './facts.js' */
/** @typedef {TokenFacts & { proof: PresentedProof }} ProofFacts The facts of a token that came with a proof. */

const { thumbprint } = require('../client/thumbprint.js');
const { moment } = require('./moment.js');

/**
 * The rules about a proof and its request, in the engine's order.
 *
 * @type {Rule[]}
 */
const REQUEST_RULES = [
  ['proof form', 'dpop_proof_missing', 'dpop_proof_malformed', 'dpop_proof_too_large'],
  ['proof header', 'dpop_header_invalid', 'dpop_type_not_allowed', 'dpop_algorithm_not_allowed', 'dpop_key_invalid'],
  ['proof claims', 'dpop_claims_invalid'],
  ['proof token', 'dpop_token_mismatch'],
  ['proof method', 'dpop_method_mismatch'],
  ['proof URL', 'dpop_url_mismatch', 'dpop_url_unknown'],
];
/**
 * The rules about a proof and the key that the token is bound to.
 *
 * @type {Rule[]}
 */
const KEY_RULES = [
  ['proof key', 'dpop_key_mismatch'],
  ['proof signature', 'dpop_signature_invalid'],
  ['proof time', 'dpop_expired', 'dpop_not_yet_valid', 'dpop_nonce_missing', 'dpop_nonce_stale'],
  ['proof use', 'dpop_replayed'],
];

/**
 * By rule: the value in the proof, and the expected value.
 *
 * @type {Record<string, (facts: ProofFacts) => string>}
 */
const PROOF_DESCRIPTIONS = {
  'proof form': ({ proof }) => `${Buffer.byteLength(proof.text)} bytes, ${proof.text.split('.').length} parts`,
  'proof header': ({ proof }) => {
    const { typ, alg, jwk } = partOf(proof, 0);
    return `typ ${json(typ)}, alg ${json(alg)}, jwk ${[jwk?.kty, jwk?.crv].filter(isText).join(' ') || '(absent)'}`;
  },
  'proof claims': ({ proof }) => {
    const claims = partOf(proof, 1);
    const absent = ['jti', 'htm', 'htu', 'iat', 'ath'].filter((name) => !Object.hasOwn(claims, name));
    return absent.length === 0 ? 'jti, htm, htu, iat and ath are present' : `absent: ${absent.join(', ')}`;
  },
  'proof token': () => 'ath must be the hash of the token',
  'proof method': ({ proof }) => `htm ${json(partOf(proof, 1).htm)}, expected ${json(proof.method)}`,
  'proof URL': ({ proof, mismatch }) => {
    const { htu } = partOf(proof, 1);
    return `htu ${json(mismatch?.got ?? target(htu))}, expected ${json(mismatch?.expected ?? target(proof.url))}`;
  },
  'proof key': ({ proof, claims }) =>
    `thumbprint of jwk ${json(thumbprint(partOf(proof, 0).jwk))}, cnf.jkt ${json(confirmation(claims).jkt)}`,
  'proof signature': ({ proof }) => `alg ${json(partOf(proof, 0).alg)}`,
  'proof time': ({ proof, options }) => {
    const { iat, nonce } = partOf(proof, 1);
    const window = `at most ${options['dpop.maxAge']} s ago and ${options['dpop.leeway']} s from now`;
    return `iat ${moment(iat)}, expected ${window}${nonce === undefined ? '' : ', or a valid nonce, which it has'}`;
  },
  'proof use': () => 'not used before in this process; the replay store is not asked',
};

/**
 * A likely mistake, or `undefined`.
 *
 * @param {string} rule
 * @param {string | undefined} reason
 * @param {ProofFacts} facts
 */
function proofHint(rule, reason, { proof, options, mismatch }) {
  if (reason === 'dpop_nonce_stale' && !options['dpop.nonceSecret']) {
    return 'Only the process that made a nonce knows it, because dpop.nonceSecret is not set: another process, such as the doctor, cannot check it.';
  }
  if (rule !== 'proof URL' || mismatch?.got === undefined) return undefined;
  const [got, expected] = [urlOf(mismatch.got), urlOf(mismatch.expected)];
  if (got === undefined || expected === undefined) return undefined;
  if (got.host === expected.host && got.pathname === expected.pathname) return 'The URLs differ in http and https.';
  if (got.host !== expected.host)
    return got.pathname === expected.pathname ? 'The URLs differ in the host.' : undefined;
  if (got.pathname.endsWith(expected.pathname)) return 'A path prefix is missing in the expected URL.';
  if (`${got.pathname}/` === expected.pathname || got.pathname === `${expected.pathname}/`) {
    return 'The URLs differ by a slash at the end.';
  }
  return proof.url.includes('?') ? 'Query and fragment do not count.' : undefined;
}

/**
 * The confirmation of a token (RFC 7800 §3.1). Empty if it cannot be read.
 *
 * @param {TokenFacts['claims']} claims
 * @returns {Record<string, unknown>}
 */
function confirmation(claims) {
  return objectOf(claims?.cnf);
}

/**
 * A part of the proof as an object. Empty if it cannot be read.
 *
 * @param {PresentedProof} proof
 * @param {number} index
 * @returns {Record<string, any>}
 */
function partOf({ text }, index) {
  try {
    return objectOf(JSON.parse(Buffer.from(text.split('.')[index], 'base64url').toString()));
  } catch {
    return {};
  }
}

/**
 * @param {unknown} value
 * @returns {Record<string, any>}
 */
function objectOf(value) {
  return typeof value === 'object' && value !== null ? value : {};
}

/**
 * A URL without user information, query and fragment, which may contain secrets.
 *
 * @param {unknown} url
 */
function target(url) {
  return typeof url === 'string' ? url.split(/[?#]/)[0].replace(/\/\/[^/]*@/, '//') : url;
}

/** @param {string | undefined} text */
function urlOf(text) {
  try {
    return new URL(String(text));
  } catch {
    return undefined;
  }
}

/** @param {unknown} value */
const isText = (value) => typeof value === 'string';

/** @param {unknown} value */
function json(value) {
  return value === undefined ? '(absent)' : JSON.stringify(value);
}

module.exports = {
  KEY_RULES,
  PROOF_DESCRIPTIONS,
  REQUEST_RULES,
  confirmation,
  partOf,
  proofHint,
  target,
};
