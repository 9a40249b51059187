// Which secrets and keys do the clients of the servers have?

import { generate, jwkOf } from '../../__test__/support/keys.mjs';

export const SECRET = 'a-long-secret-of-the-client-0123456789abcdef';
/** Each character that RFC 6749 §2.3.1 and servers treat differently in `Authorization: Basic`. */
export const SPECIAL_SECRET = 'a+b%c:d&e f/g=h~i-0123456789-ü';

const GENERATORS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  ES512: ['ec', { namedCurve: 'P-521' }],
  EdDSA: ['ed25519'],
};
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi'];

/** A new private JWK. */
export async function privateJwk(alg, kid) {
  const { privateKey } = await generate(...GENERATORS[alg]);
  return jwkOf(privateKey, { alg, kid });
}

/** A new private key as PEM text (PKCS #8), and its public key (SPKI). */
export async function pemPair(alg) {
  const { privateKey, publicKey } = await generate(...GENERATORS[alg]);
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }),
  };
}

export function publicPart(jwk) {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !PRIVATE_MEMBERS.includes(name)));
}
