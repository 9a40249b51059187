// How is a JWS in compact form signed (RFC 7515 §7.1)?
//
// With node:crypto instead of a JOSE library: the tests also create tokens that a library would reject.

import { constants, createHmac, sign } from 'node:crypto';

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;

/** The token of a header and claims, both values. */
export function compact(header, claims, key, alg = header.alg) {
  return compactRaw(JSON.stringify(header), JSON.stringify(claims), key, alg);
}

/** The token of a header and payload as text or octets, also malformed ones. */
export function compactRaw(headerText, payloadText, key, alg) {
  const input = `${base64url(headerText)}.${base64url(payloadText)}`;
  return `${input}.${signature(alg, key, input)}`;
}

/** The signature part. `key` is a private KeyObject, or octets for HS*; `none` gives an empty signature. */
export function signature(alg, key, input) {
  if (alg === 'none') {
    return '';
  }
  const hash = `sha${alg.slice(2)}`;
  const data = Buffer.from(input);
  switch (alg.slice(0, 2)) {
    case 'HS':
      return createHmac(hash, key).update(data).digest('base64url');
    case 'RS':
      return sign(hash, data, { key, padding: RSA_PKCS1_PADDING }).toString('base64url');
    case 'PS':
      // RFC 7518 §3.5: the salt is as long as the hash.
      return sign(hash, data, {
        key,
        padding: RSA_PKCS1_PSS_PADDING,
        saltLength: RSA_PSS_SALTLEN_DIGEST,
      }).toString('base64url');
    case 'ES':
      // RFC 7518 §3.4: R and S concatenated, not DER.
      return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
    case 'Ed':
      return sign(undefined, data, key).toString('base64url');
    default:
      throw new TypeError(`no such signature algorithm: ${alg}`);
  }
}

export const base64url = (text) => Buffer.from(text).toString('base64url');
