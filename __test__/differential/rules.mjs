// Why may this package reject what jose accepts, or accept what jose rejects?
//
// Each rule lists the reasons that it may cause, and examines the token itself without the engine. It explains a
// difference only if both fit.

import { inspectJson } from './json.mjs';

/** The facts about a token, decoded as leniently as jose does. */
export function factsOf(token, jwks) {
  const parts = token.split('.');
  const octets = (part) => Buffer.from(part ?? '', 'base64url');
  const header = inspectJson(octets(parts[0]));
  return {
    token,
    isStrict: parts.every((part) => /^[\w-]+$/.test(part) && octets(part).toString('base64url') === part),
    header,
    /** The one key that the header names. */
    key: jwks.keys.find(({ kid }) => kid === header.value?.kid),
    /** The one entry that is not a key. */
    broken: jwks.keys.find(({ kid }) => kid === 'broken'),
    claims: inspectJson(octets(parts[1])),
  };
}

const has = (object, name) => typeof object === 'object' && object !== null && Object.hasOwn(object, name);
/** Whether a rule reads the value at a path: everything in a header, these members in claims. */
const READ = new Set(['active', 'aud', 'cnf', 'exp', 'groups', 'iat', 'iss', 'nbf', 'scope', 'sub']);
const NESTED = new Set(['aud', 'cnf', 'groups']);
const isRead = (part) => (path) => part === 'header' || READ.has(path[0]);

const TYPES = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

/** A rule that a strict parser follows for header and claims. */
const strict = (what, section, test) =>
  ['header', 'claims'].map((part) => ({
    what: `${part}: ${what}`,
    contract: part === 'header' ? `5.2 ${section}` : `5.5 ${section}`,
    reasons: [`${part}_invalid`],
    applies: (facts) => test(facts[part], part),
  }));

/** Rules by which this package rejects tokens that jose accepts. */
export const STRICTER = [
  {
    what: 'a token over 16 KiB',
    contract: '5.1',
    reasons: ['token_too_large'],
    applies: ({ token }) => Buffer.byteLength(token) > 16_384,
  },
  {
    what: 'a part that is not strict base64url',
    contract: '5.1, RFC 7515 §2',
    reasons: ['token_malformed'],
    applies: ({ isStrict }) => !isStrict,
  },
  ...strict('a byte order mark', 'RFC 8259 §8.1', (json) => json.hasBom),
  ...strict('nesting over 32', 'nesting', (json) => json.depth > 32),
  ...strict('a member twice', 'RFC 7515 §4', (json, part) =>
    json.duplicates.some((path) => path.length === 1 || (part === 'claims' && NESTED.has(path[0]))),
  ),
  ...strict('an escaped lone surrogate', 'UTF-8 has none, RFC 8259 §8.2', (json, part) =>
    json.loneSurrogates.some(isRead(part)),
  ),
  ...strict('a number that no double holds', 'finite numbers, RFC 8259 §6', (json, part) =>
    json.infinite.some(isRead(part)),
  ),
  {
    what: 'header: crit or b64',
    contract: '5.2',
    reasons: ['critical_header'],
    applies: ({ header }) => has(header.value, 'crit') || has(header.value, 'b64'),
  },
  {
    what: 'header: a typ of something else',
    contract: '5.2, RFC 8725 §3.11',
    reasons: ['type_not_allowed'],
    applies: ({ header }) => has(header.value, 'typ') && !TYPES.has(String(header.value.typ).toLowerCase()),
  },
  {
    what: 'claims: an aud that is not all strings',
    contract: '5.5, RFC 7519 §4.1.3',
    reasons: ['audience_mismatch'],
    applies: ({ claims }) =>
      Array.isArray(claims.value?.aud) && claims.value.aud.some((aud) => typeof aud !== 'string'),
  },
  {
    what: 'claims: an iat below 0',
    contract: '5.5',
    reasons: ['issued_at_invalid'],
    applies: ({ claims }) => claims.value?.iat < 0,
  },
  {
    what: 'claims: a sub that is no string',
    contract: '5.5, RFC 7519 §4.1.2',
    reasons: ['subject_invalid'],
    applies: ({ claims }) => has(claims.value, 'sub') && typeof claims.value.sub !== 'string',
  },
  {
    what: 'claims: bound to a certificate that was not shown',
    contract: '7, RFC 8705 §3',
    reasons: ['certificate_missing'],
    applies: ({ claims }) => typeof claims.value?.cnf?.['x5t#S256'] === 'string',
  },
  {
    what: 'claims: bound to a DPoP key, as a bearer token',
    contract: 'RFC 9449 §7.2',
    reasons: ['dpop_scheme_required'],
    applies: ({ claims }) => typeof claims.value?.cnf?.jkt === 'string',
  },
  {
    what: 'claims: a cnf that cannot be read',
    contract: '7',
    reasons: ['confirmation_invalid'],
    applies: ({ claims }) => {
      const cnf = claims.value?.cnf;
      const isObject = typeof cnf === 'object' && cnf !== null && !Array.isArray(cnf);
      const isUnreadable = (thumbprint) => thumbprint !== undefined && !/^[\w-]{43}$/.test(thumbprint);
      return has(claims.value, 'cnf') && (!isObject || isUnreadable(cnf['x5t#S256']) || isUnreadable(cnf.jkt));
    },
  },
];

/** Rules by which this package accepts tokens that jose rejects with these codes. */
export const WIDER = [
  {
    what: 'key: EdDSA and Ed25519 are two names of one algorithm',
    contract: '5.2, RFC 9864',
    reasons: ['ERR_JWKS_NO_MATCHING_KEY'],
    applies: ({ header, key }) => {
      const names = ['EdDSA', 'Ed25519'];
      return names.includes(header.value?.alg) && names.includes(key?.alg) && header.value.alg !== key.alg;
    },
  },
  {
    what: 'key: an entry that cannot be used is no second key',
    contract: '5.3',
    reasons: ['ERR_JWKS_MULTIPLE_MATCHING_KEYS'],
    applies: ({ header, broken }) =>
      !has(header.value, 'kid') && header.value?.alg === 'ES256' && broken.crv === 'P-256',
  },
];
