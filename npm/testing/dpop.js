'use strict';

/** A client of the API that holds a DPoP key, and makes a new proof for each request (RFC 9449 §4.2). */

/** @import { DPoPAlgorithm } from '../types/dpop.js' */
/** @import { TestDPoPHolder } from '../testing.js' */

const { createHash, randomUUID } = require('node:crypto');

const { requiredMembers, thumbprint } = require('../client/thumbprint.js');
const { compact, generateKey } = require('./keys.js');

/**
 * @param {DPoPAlgorithm} [alg]
 * @returns {TestDPoPHolder}
 */
function createHolder(alg = 'ES256') {
  const key = generateKey(alg);
  const jwk = requiredMembers(key.jwk);
  return {
    jkt: /** @type {string} */ (thumbprint(key.jwk)),
    headers({ method, url, token, nonce }) {
      const claims = {
        jti: randomUUID(),
        htm: method,
        // RFC 9449 §4.2: without query and fragment.
        htu: url.replace(/[?#].*$/s, ''),
        iat: Math.floor(Date.now() / 1000),
        ath: sha256(token),
        nonce,
      };
      return { authorization: `DPoP ${token}`, dpop: compact({ typ: 'dpop+jwt', alg, jwk }, claims, key) };
    },
  };
}

/** @param {string} text */
function sha256(text) {
  return createHash('sha256').update(text).digest('base64url');
}

module.exports = { createHolder };
