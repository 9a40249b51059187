'use strict';

/**
 * Which requests are CORS preflights: a browser's question whether a page may send the request it wants to send
 * (Fetch standard, "CORS-preflight fetch").
 *
 * A browser sends a preflight without credentials and without content. Whatever has either is no preflight, and
 * neither is a request that names another method than its own, which a method override behind us could put in force.
 */

const { isSentOnce } = require('./credentials.js');

const METHOD = 'access-control-request-method';
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** Credentials, content, and the headers by which method overrides go. */
const NEVER_SENT = [
  'authorization',
  'cookie',
  'transfer-encoding',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
];

/** @param request A request of `node:http` or of `node:http2`'s compatibility API. */
function isPreflight({ method, originalMethod = 'OPTIONS', headers, rawHeaders }) {
  // `originalMethod` is where the method override of Express keeps what was received.
  if (method !== 'OPTIONS' || originalMethod !== 'OPTIONS') return false;
  const sent = (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined);
  const isAsking = typeof sent('origin') === 'string' && sent('origin') !== '' && TOKEN.test(sent(METHOD) ?? '');
  const hasContent = (sent('content-length') ?? '0') !== '0';
  if (!isAsking || hasContent || NEVER_SENT.some((name) => sent(name) !== undefined)) return false;
  return isSentOnce(rawHeaders, 'origin') && isSentOnce(rawHeaders, METHOD);
}

module.exports = { isPreflight };
