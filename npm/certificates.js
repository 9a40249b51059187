'use strict';

/**
 * Where a client's certificate really is: resolvers for `certificateResolver`, for Express, Fastify and `node:http`.
 *
 * A header is trusted only behind a proxy that strips it from outside. What a header's value may be is decided by the
 * engine; what is refused here is a header that is not there exactly once.
 */

const native = require('./native/panic-guard.js');
const { isSentOnce } = require('./protect/credentials.js');
const { memberOf, own } = require('./client/arguments.js');
const { MonoCloudValidationError } = require('./errors/errors.js');

/** RFC 9110 §5.6.2 `token`. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i;

function fromSocket() {
  return (request) => {
    const socket = memberOf(memberOf(request, 'raw') ?? request, 'socket');
    const certificate = typeof memberOf(socket, 'getPeerCertificate') === 'function' ? socket.getPeerCertificate(false) : undefined;
    return memberOf(certificate, 'raw')?.toString('base64');
  };
}

function fromHeader(name) {
  if (typeof name !== 'string' || !HEADER_NAME.test(name)) {
    throw new MonoCloudValidationError('name must be the name of a header', undefined, 'argument_invalid');
  }
  return headerResolver(name.toLowerCase(), 'pem');
}

function fromXfcc() {
  return headerResolver('x-forwarded-client-cert', 'xfcc');
}

function fromClientCert() {
  return headerResolver('client-cert', 'client-cert');
}

function fromAlb() {
  return headerResolver('x-amzn-mtls-clientcert', 'pem');
}

function headerResolver(name, form) {
  return (request) => {
    const { headers, rawHeaders } = memberOf(request, 'raw') ?? request;
    const value = own(headers, name);
    if (typeof value !== 'string' || !isSentOnce(rawHeaders, name) || hasLookAlike(headers, name)) return undefined;
    // RFC 9110 §5.3: what was sent several times may arrive as one list. A PEM has no comma; other forms count theirs.
    if (form === 'pem' && value.includes(',')) return undefined;
    return native.certificateFromHeader(form, value) ?? undefined;
  };
}

/** `x_client_cert` beside `x-client-cert`: some servers take the one for the other, and a proxy strips only one. */
function hasLookAlike(headers, name) {
  const canonical = name.replaceAll('_', '-');
  return Object.keys(headers).some((other) => other !== name && other.replaceAll('_', '-') === canonical);
}

module.exports = { fromAlb, fromClientCert, fromHeader, fromSocket, fromXfcc };
