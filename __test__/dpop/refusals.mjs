// Which proofs must be refused, and for which reason?
//
// Each row is `[what, make]`. `make` receives the sender's key, another sender's key and a request (`method`, `url`,
// `token`, `jti`), and returns a proof, or what stands in its place.

import { constants, sign } from 'node:crypto';

import { athOf, claimsOf, headerOf, nowSeconds, proofKey, proofOf, proofText } from '../support/dpop.mjs';
import { base64url, compactRaw } from '../support/jws.mjs';

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const MAX_PROOF_BYTES = 8192;

const good = ({ key, ...request }) => proofOf({ key, ...request });
const withHeader = (header) => (request) => proofOf({ ...request, header });
const withKey = (changes) => (request) => proofOf({ ...request, header: { jwk: { ...request.key.jwk, ...changes } } });
const withClaims = (claims) => (request) => proofOf({ ...request, claims });
const withTexts = (texts) => (request) => proofText({ ...request, ...texts });
const ofText = (change) => (request) => change(good(request));
const parts = (change) => ofText((text) => change(...text.split('.')));

/** An RSA key that nobody has: the key is refused before its signature counts. */
const rsa = (octets, first, e = 'AQAB') => ({
  alg: 'RS256',
  jwk: {
    kty: 'RSA',
    e,
    n: Buffer.concat([Buffer.from([first]), Buffer.alloc(octets - 1, 0xff)]).toString('base64url'),
  },
});

const deep = (levels) => '['.repeat(levels) + ']'.repeat(levels);

/** A good proof that has exactly this length. */
export function proofOfLength(length, request) {
  for (let fill = 0; ; fill += 1) {
    // Two members, because base64url alone cannot reach every length.
    for (const kid of ['', 'a', 'ab', 'abc']) {
      const draft = (claimed) => proofOf({ ...request, header: { kid }, claims: { fill: claimed } });
      const base = draft('').length;
      const text = draft('x'.repeat(Math.floor(((length - base) * 3) / 4) + fill));
      if (text.length === length) return text;
    }
    if (fill === 8) throw new Error(`no proof has ${length} characters`);
  }
}

/** The signature as DER, which RFC 7518 §3.4 forbids. */
function signedAsDer({ key, ...request }) {
  const input = `${base64url(JSON.stringify(headerOf(key)))}.${base64url(JSON.stringify(claimsOf(request)))}`;
  return `${input}.${sign('sha256', Buffer.from(input), key.privateKey).toString('base64url')}`;
}

/** RFC 7518 §3.5: the salt of PS256 is as long as the hash. */
export function signedWithoutSalt({ key, ...request }) {
  const input = good({ ...request, key })
    .split('.')
    .slice(0, 2)
    .join('.');
  const how = { key: key.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 0 };
  return `${input}.${sign('sha256', Buffer.from(input), how).toString('base64url')}`;
}

function withSignature(change) {
  return parts((header, claims, signature) => {
    const octets = Buffer.from(signature, 'base64url');
    return `${header}.${claims}.${Buffer.from(change(octets)).toString('base64url')}`;
  });
}

export const REFUSALS = {
  dpop_proof_missing: [
    ['undefined', () => undefined],
    ['null', () => null],
    ['an empty list', () => []],
  ],
  dpop_proof_malformed: [
    ['two proofs', (request) => [good(request), good({ ...request, jti: 'another' })]],
    ['the same proof twice', (request) => [good(request), good(request)]],
    ['two proofs in one field', (request) => `${good(request)}, ${good(request)}`],
    ['two parts', parts((header, claims) => `${header}.${claims}`)],
    ['four parts', ofText((text) => `${text}.AA`)],
    ['no signature', parts((header, claims) => `${header}.${claims}.`)],
    ['alg none and no signature', (request) => unsigned(request)],
    ['no header', parts((_header, claims, signature) => `.${claims}.${signature}`)],
    ['padding', ofText((text) => `${text}==`)],
    ['standard base64', parts((header, claims, signature) => `${header}+.${claims}.${signature}`)],
    ['a blank', ofText((text) => text.replace('.', ' .'))],
    ['a line break', ofText((text) => text.replace('.', '\n.'))],
    ['a letter outside ASCII', ofText((text) => `é${text}`)],
    [
      'a length that base64url has not',
      parts((header, claims, signature) => `${header.slice(0, 5)}.${claims}.${signature}`),
    ],
    ['the token', ({ token }) => token.replaceAll('.', '')],
  ],
  dpop_proof_too_large: [
    ['8,193 bytes', (request) => proofOfLength(MAX_PROOF_BYTES + 1, request)],
    ['a megabyte', withClaims({ fill: 'x'.repeat(1024 * 1024) })],
  ],
  dpop_header_invalid: [
    ['a header that is no JSON', withTexts({ header: () => '{' })],
    ['a list', withTexts({ header: (text) => `[${text}]` })],
    ['text behind it', withTexts({ header: (text) => `${text}{}` })],
    ['a byte order mark', withTexts({ header: (text) => `\ufeff${text}` })],
    [
      'octets that are no UTF-8',
      withTexts({ header: (text) => Buffer.from(text.replace('{', '{"a":"\u00ff",'), 'latin1') }),
    ],
    ['typ twice', withTexts({ header: (text) => text.replace('{', '{"typ":"dpop+jwt",') })],
    ['alg twice, once with escapes', withTexts({ header: (text) => text.replace('{', '{"\\u0061lg":"none",') })],
    ['jwk twice', withTexts({ header: (text) => text.replace('{', '{"jwk":{},') })],
    ['a member of jwk twice', withTexts({ header: (text) => text.replace('"kty"', '"kty":"oct","kty"') })],
    ['33 levels', withTexts({ header: (text) => text.replace('{', `{"a":${deep(32)},`) })],
    ['crit', withHeader({ crit: ['exp'] })],
    ['b64', withHeader({ b64: false })],
  ],
  dpop_type_not_allowed: [
    ['no typ', withHeader({ typ: undefined })],
    ['JWT', withHeader({ typ: 'JWT' })],
    ['at+jwt', withHeader({ typ: 'at+jwt' })],
    ['a blank behind it', withHeader({ typ: 'dpop+jwt ' })],
    ['a list', withHeader({ typ: ['dpop+jwt'] })],
  ],
  dpop_algorithm_not_allowed: [
    ['none', withHeader({ alg: 'none' })],
    ['HS256', withHeader({ alg: 'HS256' })],
    ['ES256 in another case', withHeader({ alg: 'es256' })],
    ['one that is not on the list', async (request) => good({ ...request, key: await proofKey('ES384') })],
    ['no alg', withHeader({ alg: undefined })],
    ['a number', withHeader({ alg: 7 })],
  ],
  dpop_key_invalid: [
    ['no jwk', withHeader({ jwk: undefined })],
    ['a text', ({ key, ...request }) => proofOf({ key, ...request, header: { jwk: JSON.stringify(key.jwk) } })],
    ['a list', ({ key, ...request }) => proofOf({ key, ...request, header: { jwk: [key.jwk] } })],
    [
      'the private key',
      ({ key, ...request }) => proofOf({ key, ...request, header: { jwk: key.privateKey.export({ format: 'jwk' }) } }),
    ],
    ...PRIVATE.map((name) => [`a member ${name}`, withKey({ [name]: 'AQAB' })]),
    ['a member d that is null', withKey({ d: null })],
    ['a symmetric key', withHeader({ jwk: { kty: 'oct', k: 'c2VjcmV0' } })],
    ['another kty', withKey({ kty: 'RSA' })],
    ['another curve', withKey({ crv: 'P-384' })],
    [
      'a key of another algorithm',
      async ({ key, ...request }) => proofOf({ key, ...request, header: { jwk: (await proofKey('RS256')).jwk } }),
    ],
    ['a short coordinate', withKey({ x: Buffer.alloc(31, 1).toString('base64url') })],
    [
      'a zero before a coordinate',
      ({ key, ...request }) => proofOf({ key, ...request, header: { jwk: { ...key.jwk, x: zeroBefore(key.jwk.x) } } }),
    ],
    [
      'padding',
      ({ key, ...request }) => proofOf({ key, ...request, header: { jwk: { ...key.jwk, y: `${key.jwk.y}=` } } }),
    ],
    ['no y', withKey({ y: undefined })],
    ['an encryption key', withKey({ use: 'enc' })],
    ['a key that only signs', withKey({ key_ops: ['sign'] })],
    ['RSA of 2,040 bits', withHeader(rsa(255, 0xff))],
    ['RSA of 4,097 bits', withHeader(rsa(513, 0x01))],
    ['RSA of 4,104 bits', withHeader(rsa(513, 0xff))],
    ['a zero before the modulus', withHeader(rsa(257, 0x00))],
    ['an exponent of 1', withHeader(rsa(256, 0xff, 'AQ'))],
    ['an even exponent', withHeader(rsa(256, 0xff, 'AgAA'))],
    ['an exponent of 2^32 + 1', withHeader(rsa(256, 0xff, 'AQAAAAE'))],
    ['a zero before the exponent', withHeader(rsa(256, 0xff, 'AAEAAQ'))],
  ],
  dpop_claims_invalid: [
    ['claims that are no JSON', withTexts({ claims: () => 'x' })],
    ['a list', withTexts({ claims: (text) => `[${text}]` })],
    ['a claim twice', withTexts({ claims: (text) => text.replace('{', '{"htm":"POST",') })],
    ['octets that are no UTF-8', withTexts({ claims: () => Buffer.from([0x7b, 0xff, 0x7d]) })],
    ...['jti', 'htm', 'htu', 'ath', 'iat'].map((name) => [`no ${name}`, withClaims({ [name]: undefined })]),
    ...['jti', 'htm', 'htu', 'ath'].map((name) => [`${name} as a number`, withClaims({ [name]: 1 })]),
    ...['jti', 'htm', 'htu', 'ath', 'iat'].map((name) => [`${name} in a list`, withClaims({ [name]: ['a'] })]),
    ['an empty jti', withClaims({ jti: '' })],
    ['a jti of 257 bytes', withClaims({ jti: 'j'.repeat(257) })],
    ['a jti of 129 letters in 258 bytes', withClaims({ jti: 'ü'.repeat(129) })],
    ['iat as text', withClaims({ iat: String(nowSeconds()) })],
    ['an iat that no double holds', withTexts({ claims: (text) => text.replace(/"iat":\d+/, '"iat":1e400') })],
    ['exp as text', withClaims({ exp: '2' })],
  ],
  dpop_method_mismatch: [
    ['another method', withClaims({ htm: 'POST' })],
    ['another case (RFC 9110 §9.1)', withClaims({ htm: 'get' })],
    ['no text', withClaims({ htm: '' })],
  ],
  dpop_url_mismatch: [
    ['another host', withClaims({ htu: 'https://api.example.org/orders/7' })],
    ['another path', withClaims({ htu: 'https://api.example.com/orders/8' })],
    ['another port', withClaims({ htu: 'https://api.example.com:8443/orders/7' })],
    ['another scheme', withClaims({ htu: 'http://api.example.com/orders/7' })],
    ['a slash behind it', withClaims({ htu: 'https://api.example.com/orders/7/' })],
    ['user information', withClaims({ htu: 'https://me@api.example.com/orders/7' })],
    ['only a path', withClaims({ htu: '/orders/7' })],
    ['no slashes', withClaims({ htu: 'https:api.example.com/orders/7' })],
    ['backslashes', withClaims({ htu: 'https:\\\\api.example.com\\orders\\7' })],
    ['a tab', withClaims({ htu: 'https://api.example.com/ord\ters/7' })],
    ['no text', withClaims({ htu: '' })],
    ['2,049 bytes', withClaims({ htu: `https://api.example.com/orders/7?${'q'.repeat(2016)}` })],
  ],
  dpop_token_mismatch: [
    ['another token', (request) => proofOf({ ...request, claims: { ath: athOf('another') } })],
    [
      'the hash in hexadecimal',
      ({ token, ...request }) =>
        proofOf({ ...request, token, claims: { ath: Buffer.from(athOf(token), 'base64url').toString('hex') } }),
    ],
    [
      'the hash with padding',
      ({ token, ...request }) => proofOf({ ...request, token, claims: { ath: `${athOf(token)}=` } }),
    ],
    ['no text', withClaims({ ath: '' })],
  ],
  dpop_key_mismatch: [
    ['another key', ({ other, ...request }) => good({ ...request, key: other })],
    [
      'another key, with a signature of zeros',
      ({ other, ...request }) => withSignature(() => Buffer.alloc(64))({ ...request, key: other }),
    ],
    ['a key of another algorithm', async (request) => good({ ...request, key: await proofKey('EdDSA') })],
  ],
  dpop_signature_invalid: [
    ['a changed bit', withSignature((octets) => ((octets[40] ^= 1), octets))],
    ['zeros', withSignature(() => Buffer.alloc(64))],
    ['an octet less', withSignature((octets) => octets.subarray(1))],
    ['an octet more', withSignature((octets) => Buffer.concat([octets, Buffer.alloc(1)]))],
    ['the signature of another key', ({ other, ...request }) => proofOf({ ...request, signer: other })],
    ['DER', signedAsDer],
    [
      'the signature of another text',
      (request) => [...good(request).split('.').slice(0, 2), good({ ...request, jti: 'a' }).split('.')[2]].join('.'),
    ],
  ],
  dpop_expired: [
    ['61 seconds', (request) => proofOf({ ...request, iat: nowSeconds() - 61 })],
    ['a day', (request) => proofOf({ ...request, iat: nowSeconds() - 86_400 })],
    ['1970', withClaims({ iat: 0 })],
    ['before 1970', withClaims({ iat: -1 })],
    ['an exp of its own', (request) => proofOf({ ...request, claims: { exp: nowSeconds() - 31 } })],
  ],
  dpop_not_yet_valid: [
    ['31 seconds', (request) => proofOf({ ...request, iat: nowSeconds() + 31 })],
    ['milliseconds', withClaims({ iat: nowSeconds() * 1000 })],
    ['an nbf of its own', (request) => proofOf({ ...request, claims: { nbf: nowSeconds() + 31 } })],
  ],
};

/** RFC 7515 §3.1 has `none` with an empty signature. */
const unsigned = ({ key, ...request }) =>
  compactRaw(JSON.stringify(headerOf(key, { alg: 'none' })), JSON.stringify(claimsOf(request)), key.privateKey, 'none');

function zeroBefore(text) {
  return Buffer.concat([Buffer.alloc(1), Buffer.from(text, 'base64url')]).toString('base64url');
}
