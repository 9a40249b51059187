'use strict';

/**
 * How does the caller show that the token is its own? With a client certificate (RFC 8705), with a DPoP proof (RFC 9449),
 * or with both.
 *
 * A bearer token without a certificate has no `Possession`, so that it costs nothing.
 */

/** @import { RequestProofType } from './request-proof.js' */
/** @typedef {Possession} PossessionType The class as a type, for other files. */

class Possession {
  /**
   * @param {string | undefined} certificate PEM text.
   * @param {RequestProofType | undefined} proof It is `undefined` exactly if the scheme of the request is `Bearer`.
   */
  constructor(certificate, proof) {
    this.certificate = certificate;
    this.proof = proof;
  }
}

/** For callers that need an object. */
const NONE = new Possession(undefined, undefined);

/**
 * Returns the possession of these two, or `undefined` if there is neither.
 *
 * @param {string | undefined} certificate
 * @param {RequestProofType | undefined} proof
 */
function possessionOf(certificate, proof) {
  return certificate === undefined && proof === undefined ? undefined : new Possession(certificate, proof);
}

module.exports = { NONE, possessionOf };
