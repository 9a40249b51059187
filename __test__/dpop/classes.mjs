// Why may this package refuse a proof that jose or oauth4webapi accepts, or accept one that they refuse?
//
// A class explains a difference only if the reason fits and the proof itself shows the cause.

import { inspectJson } from '../differential/json.mjs';
import { LEEWAY, MAX_AGE } from '../support/dpop.mjs';
import { NOW } from './generate.mjs';
import { comparable } from './url-oracle.mjs';

/** What a proof contains, read as leniently as the peers do. */
export function factsOf({ text, url }) {
  const [header, claims] = text.split('.').map((part) => inspectJson(Buffer.from(part, 'base64url')));
  return { text, url, header: header.value ?? {}, claims: claims?.value ?? {}, repeats: [header, claims].map(twice) };
}

const twice = (json) => Boolean(json?.duplicates.length);
const isThere = (object, names) => names.some((name) => Object.hasOwn(object ?? {}, name));
const bytes = (text) => Buffer.byteLength(String(text));
const { isArray } = Array;

/** Proofs that this package refuses with one of `reasons`, and a peer accepts. */
export const STRICTER = [
  {
    what: 'a private or symmetric member in jwk (RFC 9449 §4.3, check 7)',
    reasons: ['dpop_key_invalid'],
    applies: ({ header }) => isThere(header.jwk, ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']),
  },
  {
    what: 'a jwk that is for something else (RFC 7517 §4.2 to §4.4)',
    reasons: ['dpop_key_invalid'],
    applies: ({ header }) => isThere(header.jwk, ['use', 'key_ops', 'alg']),
  },
  {
    what: 'a member of the header twice (RFC 7515 §4)',
    reasons: ['dpop_header_invalid', 'dpop_key_invalid'],
    applies: ({ repeats }) => repeats[0],
  },
  {
    what: 'a header with b64 (RFC 7797 §6: only with crit)',
    reasons: ['dpop_header_invalid'],
    applies: ({ header }) => isThere(header, ['b64', 'crit']),
  },
  {
    what: 'a claim twice (RFC 7519 §4)',
    reasons: ['dpop_claims_invalid'],
    applies: ({ repeats }) => repeats[1],
  },
  {
    what: 'a jti that is empty or over 256 bytes (RFC 9449 §11.1)',
    reasons: ['dpop_claims_invalid'],
    applies: ({ claims: { jti } }) => jti === '' || bytes(jti) > 256,
  },
  {
    what: 'a nonce that is no string (RFC 9449 §4.2)',
    reasons: ['dpop_claims_invalid'],
    applies: ({ claims: { nonce = '' } }) => typeof nonce !== 'string',
  },
  {
    what: 'an htu that is no URL by RFC 3986; the URL class repairs it',
    reasons: ['dpop_url_mismatch'],
    applies: ({ claims: { htu } }) => comparable(htu) === undefined,
  },
  {
    what: 'a shorter life than the peer’s: 60 s',
    reasons: ['dpop_expired'],
    applies: ({ claims: { iat } }) => iat < NOW - MAX_AGE,
  },
  {
    what: 'less time ahead than oauth4webapi’s 300 s: 30 s',
    reasons: ['dpop_not_yet_valid'],
    applies: ({ claims: { iat } }) => iat > NOW + LEEWAY,
  },
  {
    what: 'a proof over 8 KiB',
    reasons: ['dpop_proof_too_large'],
    applies: ({ text }) => text.length > 8192,
  },
];

/** Proofs that this package accepts, and a peer refuses. No check of RFC 9449 §4.3 is missing in any of them. */
export const WIDER = [
  {
    what: 'htu is equal by RFC 3986 §6.2.2, as §4.3 asks for; the URL class does not normalise escapes',
    applies: ({ claims: { htu }, url }) => /%[\da-f]{2}/i.test(htu) && comparable(htu) === comparable(url),
  },
  {
    what: 'iss or aud of another type, which are no claims of a proof (RFC 9449 §4.2)',
    applies: ({ claims: { iss = '', aud = '' } }) => typeof iss !== 'string' || typeof aud !== 'string',
  },
  {
    what: 'key_ops has verify and another operation; WebCrypto imports no public key for signing',
    applies: ({ header }) => isArray(header.jwk?.key_ops) && header.jwk.key_ops.includes('verify'),
  },
];
