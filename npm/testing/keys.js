'use strict';

/**
 * Which key signs a test token, and how? Keys are created in this process and never stored.
 *
 * Node 20 can deadlock when a key is exported as a JWK right after it was generated. So every key is generated in its DER
 * encoding, and imported again.
 */

/** @import { KeyObject } from 'node:crypto' */
/**
 * @typedef {object} SigningKey
 * @property {string} kid
 * @property {string} alg
 * @property {KeyObject} privateKey
 * @property {Record<string, unknown>} jwk The public key (RFC 7517), with `kid`, `alg` and `use`.
 */

const {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
} = require('node:crypto');

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;

const DER = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
};
const CURVES = new Map([
  ['ES256', 'P-256'],
  ['ES384', 'P-384'],
  ['ES512', 'P-521'],
]);
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', ...CURVES.keys(), 'EdDSA', 'Ed25519'];

/**
 * @param {string} alg RFC 7518 §3.1, RFC 8037 §3.1 or RFC 9864 §2.2.
 * @returns {SigningKey}
 */
function generateKey(alg) {
  return keyOf(`test-${randomBytes(6).toString('hex')}`, alg, generateDer(alg));
}

/**
 * @param {string} kid
 * @param {string} alg
 * @param {Buffer} der The private key (PKCS #8).
 * @returns {SigningKey}
 */
function keyOf(kid, alg, der) {
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  return { kid, alg, privateKey, jwk: { ...jwk, kid, alg, use: 'sig' } };
}

/**
 * @param {string} alg
 * @returns {Buffer} The private key (PKCS #8).
 */
function generateDer(alg) {
  if (!ALGORITHMS.includes(alg)) throw new TypeError(`alg must be one of ${ALGORITHMS.join(', ')}`);
  const [type, options] = typeOf(alg);
  /** @type {{ privateKey: unknown }} */
  const { privateKey } = generateKeyPairSync(type, { ...options, ...DER });
  return /** @type {Buffer} */ (privateKey);
}

/**
 * @param {string} alg
 * @returns {[any, object]} The arguments of `generateKeyPairSync`. Its types know only literal ones.
 */
function typeOf(alg) {
  const namedCurve = CURVES.get(alg);
  if (namedCurve !== undefined) return ['ec', { namedCurve }];
  return alg.startsWith('Ed') ? ['ed25519', {}] : ['rsa', { modulusLength: 2048 }];
}

/**
 * How `node:crypto` signs with this algorithm.
 *
 * @param {string} alg
 * @returns {{ hash: string | null, options: object }}
 */
function schemeOf(alg) {
  const hash = alg.startsWith('Ed') ? null : `sha${alg.slice(2)}`;
  switch (alg.slice(0, 2)) {
    case 'RS':
      return { hash, options: { padding: RSA_PKCS1_PADDING } };
    case 'PS':
      return { hash, options: { padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST } };
    default:
      // RFC 7518 §3.4: the two numbers one after the other. Ed25519 ignores it.
      return { hash, options: { dsaEncoding: 'ieee-p1363' } };
  }
}

/**
 * Creates a JWS in compact form (RFC 7515 §7.1).
 *
 * @param {string | object} header Text is signed as it is.
 * @param {string | object} payload
 * @param {Pick<SigningKey, 'alg' | 'privateKey'>} key
 */
function compact(header, payload, { alg, privateKey }) {
  const input = `${encoded(header)}.${encoded(payload)}`;
  const { hash, options } = schemeOf(alg);
  return `${input}.${sign(hash, Buffer.from(input), { key: privateKey, ...options }).toString('base64url')}`;
}

/** @param {string | object} part */
function encoded(part) {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

/**
 * Returns the claims of a JWT that one of these keys signed.
 *
 * @param {string} token
 * @param {readonly SigningKey[]} keys
 * @returns {Record<string, any> | undefined}
 */
function verifiedClaims(token, keys) {
  const [header, payload, signature] = token.split('.');
  try {
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString());
    const key = keys.find((one) => one.kid === kid);
    if (key === undefined) return undefined;
    const { hash, options } = schemeOf(key.alg);
    const input = Buffer.from(`${header}.${payload}`);
    const publicKey = createPublicKey(key.privateKey);
    const isGood = verify(hash, input, { key: publicKey, ...options }, Buffer.from(signature, 'base64url'));
    return isGood ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { compact, encoded, generateKey, keyOf, verifiedClaims };
