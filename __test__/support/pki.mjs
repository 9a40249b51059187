// Which certificates do the tests use?
//
// A public key infrastructure created at run time, so that no test depends on a file that expires: one trusted
// authority, one that is not trusted, and certificates for servers and clients from both (RFC 5280).

import { createHash, createPrivateKey, randomBytes, webcrypto } from 'node:crypto';

import './reflect.mjs';
import * as x509 from '@peculiar/x509';

// Node 18 has no global `crypto`, so the library receives one explicitly.
x509.cryptoProvider.set(webcrypto);

const ECDSA_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 24 * 60 * 60 * 1000;

/** The names of a test server on this machine. */
export const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '::1'];

/**
 * `{ ca, otherCa }`, both with `pem`, `server()` and `client()`. `server` and `client` of the trusted one are also
 * top-level members.
 */
export async function createPki() {
  const ca = await createAuthority('Test CA');
  const otherCa = await createAuthority('Another CA');
  return { ca, otherCa, server: ca.server, client: ca.client };
}

async function createAuthority(commonName) {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...frame({}),
    name: `CN=${commonName}`,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
    ],
  });
  const authority = { certificate, keys };
  return {
    pem: pem(certificate),
    server: (options) => issueServer(authority, options),
    client: (options) => issueClient(authority, options),
  };
}

/**
 * A server certificate for `hosts`: DNS names and IP addresses. For a wrong host, leave out the requested name.
 * `expired` ends it yesterday.
 */
async function issueServer(authority, { hosts = LOOPBACK_HOSTS, notBefore, notAfter, expired = false } = {}) {
  return issue(authority, {
    subject: `CN=${hosts[0]}`,
    names: hosts.map((host) => ({ type: isAddress(host) ? 'ip' : 'dns', value: host })),
    usage: x509.ExtendedKeyUsage.serverAuth,
    dates: expired ? { notBefore: daysFromNow(-2), notAfter: daysFromNow(-1) } : { notBefore, notAfter },
  });
}

/** A client certificate, signed by the authority, or by itself with `selfSigned`. */
async function issueClient(authority, { commonName, uriSan, selfSigned = false, notBefore, notAfter }) {
  return issue(selfSigned ? undefined : authority, {
    subject: `CN=${commonName}`,
    names: uriSan === undefined ? [] : [{ type: 'url', value: uriSan }],
    usage: x509.ExtendedKeyUsage.clientAuth,
    dates: { notBefore, notAfter },
  });
}

async function issue(authority, { subject, names, usage, dates }) {
  const keys = await generateKeys();
  const signer = authority?.keys ?? keys;
  const certificate = await x509.X509CertificateGenerator.create({
    ...frame(dates),
    subject,
    issuer: authority?.certificate.subject ?? subject,
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey, false, webcrypto),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return {
    cert: pem(certificate),
    key: await privateKeyPem(keys.privateKey),
    thumbprint: thumbprint(certificate.rawData),
  };
}

/** RFC 8705 §3.1: SHA-256 of the DER certificate, base64url. */
function thumbprint(der) {
  return createHash('sha256').update(Buffer.from(der)).digest('base64url');
}

function frame({ notBefore = daysFromNow(-1), notAfter = daysFromNow(30) }) {
  return { serialNumber: serialNumber(), notBefore, notAfter, signingAlgorithm: ECDSA_P256 };
}

/** RFC 5280 §4.1.2.2: a positive integer, here of 16 octets. */
function serialNumber() {
  const octets = randomBytes(16);
  octets[0] = (octets[0] & 0x3f) | 0x40;
  return octets.toString('hex');
}

function generateKeys() {
  return webcrypto.subtle.generateKey(ECDSA_P256, true, ['sign', 'verify']);
}

async function privateKeyPem(key) {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
}

const pem = (certificate) => `${certificate.toString('pem')}\n`;
const daysFromNow = (days) => new Date(Date.now() + days * DAY_MS);
const isAddress = (host) => host.includes(':') || /^[\d.]+$/.test(host);
