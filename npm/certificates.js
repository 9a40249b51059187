'use strict';

/**
 * Resolvers for `certificateResolver`, for every framework. Where is the client's certificate?
 *
 * A header is trustworthy only behind a proxy that removes it from incoming requests. The engine parses the value of
 * a header. This file rejects a header that does not occur exactly once.
 */

/**
 * @import { CertificateHeaders } from './certificates.js'
 * @import { ClientCertificateResolver } from './types/protect.js'
 */

const native = require('./native/panic-guard.js');
const { headerOf, isSentOnce, namesOf } = require('./protect/headers.js');
const { memberOf } = require('./client/arguments.js');
const { MonoCloudValidationError } = require('./errors/errors.js');

/** The syntax of a header name (RFC 9110 §5.6.2 `token`). */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i;

/** @type {typeof import('./certificates.js').fromSocket} */
function fromSocket() {
  return (request) => {
    const socket = memberOf(messageOf(request), 'socket');
    const certificate =
      typeof memberOf(socket, 'getPeerCertificate') === 'function' ? socket.getPeerCertificate(false) : undefined;
    return memberOf(certificate, 'raw')?.toString('base64');
  };
}

/** @type {typeof import('./certificates.js').fromHeader} */
function fromHeader(name) {
  if (typeof name !== 'string' || !HEADER_NAME.test(name)) {
    throw new MonoCloudValidationError('name must be the name of a header', undefined, 'argument_invalid');
  }
  return headerResolver(name.toLowerCase(), 'pem');
}

/** @type {typeof import('./certificates.js').fromXfcc} */
function fromXfcc() {
  return headerResolver('x-forwarded-client-cert', 'xfcc');
}

/** @type {typeof import('./certificates.js').fromClientCert} */
function fromClientCert() {
  return headerResolver('client-cert', 'client-cert');
}

/** @type {typeof import('./certificates.js').fromAlb} */
function fromAlb() {
  return headerResolver('x-amzn-mtls-clientcert', 'pem');
}

/**
 * @param {string} name
 * @param {'pem' | 'xfcc' | 'client-cert'} form
 * @returns {ClientCertificateResolver<CertificateHeaders>}
 */
function headerResolver(name, form) {
  return (request) => {
    const { headers, rawHeaders } = messageOf(request);
    const value = headerOf(headers, name);
    if (typeof value !== 'string' || !isSentOnce(rawHeaders, name) || hasUnderscoreDuplicate(headers, name))
      return undefined;
    // RFC 9110 §5.3: repeated headers may arrive as one list. A PEM contains no comma. The parsers of the other forms
    // count certificates.
    if (form === 'pem' && value.includes(',')) return undefined;
    return native.certificateFromHeader(form, value) ?? undefined;
  };
}

/**
 * The request of `node:http`, which Fastify calls `raw` and Koa `req`. Otherwise the request itself.
 *
 * @param {any} request
 */
function messageOf(request) {
  return memberOf(request, 'raw') ?? memberOf(request, 'req') ?? request;
}

/**
 * Whether a header arrives with an underscore-spelled duplicate (`x_client_cert`): some servers treat both as one,
 * but a proxy removes only one.
 *
 * @param {CertificateHeaders['headers']} headers
 * @param {string} name
 */
function hasUnderscoreDuplicate(headers, name) {
  const canonical = name.replaceAll('_', '-');
  return namesOf(headers).some((key) => key !== name && key.replaceAll('_', '-') === canonical);
}

module.exports = { fromAlb, fromClientCert, fromHeader, fromSocket, fromXfcc };
