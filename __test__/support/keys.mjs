// Which key signs, and which JWK is published for it?
//
// Key pairs are created once per process and stored by name, because an RSA pair takes a tenth of a second. A test
// that needs keys of its own uses its own name.

import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

const generateEncoded = promisify(generateKeyPair);

/**
 * A new pair of KeyObjects. Node 20 can deadlock when a key that was just generated is exported as JWK, so both keys
 * go through their DER encodings.
 */
export async function generate(type, options = {}) {
  const { publicKey, privateKey } = await generateEncoded(type, {
    ...options,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  return {
    publicKey: createPublicKey({ key: publicKey, type: 'spki', format: 'der' }),
    privateKey: createPrivateKey({ key: privateKey, type: 'pkcs8', format: 'der' }),
  };
}

const GENERATORS = {
  rsa: () => generate('rsa', { modulusLength: 2048 }),
  p256: () => generate('ec', { namedCurve: 'P-256' }),
  p384: () => generate('ec', { namedCurve: 'P-384' }),
  p521: () => generate('ec', { namedCurve: 'P-521' }),
  ed25519: () => generate('ed25519'),
};

const KIND_BY_ALG = {
  RS256: 'rsa',
  RS384: 'rsa',
  RS512: 'rsa',
  PS256: 'rsa',
  PS384: 'rsa',
  PS512: 'rsa',
  ES256: 'p256',
  ES384: 'p384',
  ES512: 'p521',
  EdDSA: 'ed25519',
  Ed25519: 'ed25519',
};

/** Each signature algorithm that the package accepts (RFC 7518 §3.1, RFC 8037, RFC 9864). */
export const ALGORITHMS = Object.keys(KIND_BY_ALG);

export const kindOf = (alg) => KIND_BY_ALG[alg];

const sets = new Map();

/** The pairs stored under `name`: `{ rsa, p256, p384, p521, ed25519 }`, each `{ privateKey, publicKey }`. */
export function keySet(name) {
  if (!sets.has(name)) {
    sets.set(name, generateSet());
  }
  return sets.get(name);
}

async function generateSet() {
  const pairs = Object.entries(GENERATORS).map(async ([kind, make]) => [kind, await make()]);
  return Object.fromEntries(await Promise.all(pairs));
}

/** The JWK (RFC 7517) of a public or private KeyObject, with further members such as `kid` and `alg`. */
export function jwkOf(key, members) {
  return { ...key.export({ format: 'jwk' }), use: 'sig', ...members };
}
