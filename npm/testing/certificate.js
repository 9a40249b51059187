'use strict';

/** A self-signed client certificate for tests of certificate-bound tokens (RFC 8705), in DER (RFC 5280 §4.1). */

const { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } = require('node:crypto');

const SEQUENCE = 0x30;
const SET = 0x31;
const ECDSA_WITH_SHA256 = tlv(SEQUENCE, Buffer.from('06082a8648ce3d040302', 'hex'));
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const LIFETIME_DAYS = 3650;

/**
 * @returns {{ pem: string, thumbprint: string }} The certificate, and its `x5t#S256`.
 */
function createCertificate() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const name = nameOf(`test client ${randomBytes(4).toString('hex')}`);
  const version3 = Buffer.from('a003020102', 'hex');
  const now = Date.now();
  const validity = tlv(SEQUENCE, timeOf(now - 86_400_000), timeOf(now + LIFETIME_DAYS * 86_400_000));
  const toBeSigned = tlv(SEQUENCE, version3, serialNumber(), ECDSA_WITH_SHA256, name, validity, name, publicKey);
  const signature = sign('sha256', toBeSigned, createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }));
  // A BIT STRING begins with the number of its unused bits.
  const der = tlv(SEQUENCE, toBeSigned, ECDSA_WITH_SHA256, tlv(0x03, Buffer.from([0]), signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    pem: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    thumbprint: createHash('sha256').update(der).digest('base64url'),
  };
}

/** A positive number of 16 octets. */
function serialNumber() {
  const octets = randomBytes(16);
  octets[0] = (octets[0] & 0x7f) | 0x40;
  return tlv(0x02, octets);
}

/** @param {string} text */
function nameOf(text) {
  return tlv(SEQUENCE, tlv(SET, tlv(SEQUENCE, COMMON_NAME, tlv(0x0c, Buffer.from(text)))));
}

/**
 * GeneralizedTime, which has four digits for the year.
 *
 * @param {number} milliseconds
 */
function timeOf(milliseconds) {
  const text = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '');
  return tlv(0x18, Buffer.from(text));
}

/**
 * One value: tag, length, content (X.690 §8.1).
 *
 * @param {number} tag
 * @param {...Buffer} content
 */
function tlv(tag, ...content) {
  const body = Buffer.concat(content);
  const { length } = body;
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), body]);
}

module.exports = { createCertificate };
