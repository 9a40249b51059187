// Which token does a vector of vectors/jwt.json or vectors/jwt-requirements.json describe?
//
// Reads the file in the same way as tests/jwt_vectors.rs: text, encoding, mutations, signature. The file's `about`
// describes the format.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { base64url, signature } from './jws.mjs';
import { kindOf } from './keys.mjs';

const read = (name) => readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8');

const { rules, ...usual } = JSON.parse(read('jwt.json'));
export const file = { ...usual, rules: [...rules, ...JSON.parse(read('jwt-requirements.json')).rules] };

const privateKeys = Object.fromEntries(JSON.parse(read('private-jwks.json')).map((jwk) => [jwk.kid, jwk]));
const KEY_BY_KIND = { rsa: 'rsa', p256: 'p256', p384: 'p384', p521: 'p521', ed25519: 'ed' };
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const rfc8705 = read('rfc8705.pem');
const certificates = {
  'its own': rfc8705,
  'its own, without delimiters': rfc8705.replace(/-----[A-Z ]+-----/g, ''),
  'its own, URL-encoded': encodeURIComponent(rfc8705),
  // Flipping one bit in the first letter of its signature makes another certificate.
  another: rfc8705.replace('SQAwRgIh', 'SQAwRgIg'),
  blank: ' \n',
  garbage: 'not a certificate',
};

export function certificateOf({ certificate }) {
  if (certificate !== undefined && !(certificate in certificates))
    throw new TypeError(`no certificate: ${certificate}`);
  return certificates[certificate];
}

/** `{ token, claimsText }` of a vector. */
export function tokenOf(vector) {
  const { alg, key } = signerOf(vector.sign);
  const header = { ...file.header, alg: JSON.stringify(alg), kid: JSON.stringify(key.kid), ...vector.header };
  const headerOctets = octetsOf(vector.headerText ?? objectText(header));
  const claimsOctets = octetsOf(vector.claimsText ?? objectText({ ...file.claims, ...vector.claims }));
  const parts = { header: base64url(headerOctets), payload: base64url(claimsOctets), signature: '' };
  mutate(parts, vector.before);
  parts.signature = signature(alg, key.octets ?? key.privateKey, `${parts.header}.${parts.payload}`);
  mutate(parts, vector.after);
  const template = vector.token ?? '{header}.{payload}.{signature}';
  const token = template.replace(/\{(\w+)\}/g, (_, part) => parts[part]);
  return { token, claimsText: claimsOctets.toString() };
}

/** The JWK Set of a vector. */
export function jwksOf({ jwks = file.jwks }) {
  return { keys: jwks.flatMap(publishedKeys) };
}

function publishedKeys({ raw, key, times, ...members }) {
  if (raw !== undefined) return [raw];
  const jwk = { ...createPublicKey(privateKey(key)).export({ format: 'jwk' }), ...members };
  return times === undefined ? [jwk] : Array.from({ length: times }, (_, i) => ({ ...jwk, kid: `${members.kid}${i}` }));
}

function signerOf({ alg = 'EdDSA', key } = {}) {
  const kid = key ?? KEY_BY_KIND[kindOf(alg)];
  const octets = alg.startsWith('HS') ? Buffer.from(privateKeys[kid].n, 'base64url') : undefined;
  return { alg, key: { kid, octets, privateKey: privateKey(kid) } };
}

function privateKey(kid) {
  return createPrivateKey({ key: privateKeys[kid], format: 'jwk' });
}

function objectText(members) {
  const present = Object.entries(members).filter(([, text]) => text !== null);
  const texts = present.flatMap(([name, text], i) => [`${i === 0 ? '' : ','}${JSON.stringify(name)}:`, text].flat());
  return ['{', ...texts, '}'];
}

function octetsOf(text) {
  return Buffer.concat(
    [text].flat().map((piece) => {
      if (typeof piece === 'string') return Buffer.from(piece);
      return piece.hex === undefined ? Buffer.from(piece.repeat.repeat(piece.times)) : Buffer.from(piece.hex, 'hex');
    }),
  );
}

const OPERATIONS = {
  append: (text, tail) => text + tail,
  prepend: (text, head) => head + text,
  set: (_, other) => other,
  cut: (text, count) => text.slice(0, -count),
  flip: (text) => (text[0] === 'A' ? 'B' : 'A') + text.slice(1),
  // If the length is not a multiple of 4, the last character has unused bits, which are 0.
  stray: (text) => text.slice(0, -1) + BASE64URL[BASE64URL.indexOf(text.at(-1)) + 1],
  widen: (text) => String.fromCharCode(text.charCodeAt(0) + 0x100) + text.slice(1),
  standard: (text) => text.replaceAll('-', '+').replaceAll('_', '/'),
};

function mutate(parts, mutations = []) {
  for (const { part, ...operations } of mutations) {
    for (const [name, value] of Object.entries(operations)) {
      const changed = OPERATIONS[name](parts[part], value);
      if (changed === parts[part]) throw new TypeError(`${name} changes nothing`);
      parts[part] = changed;
    }
  }
}
