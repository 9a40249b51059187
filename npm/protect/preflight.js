'use strict';

/**
 * Which requests are CORS preflights? (Fetch standard, "CORS-preflight fetch")
 *
 * A browser sends a preflight without credentials and without content. A request that has either is not a preflight.
 * A request that names a method override is not one either, because a later middleware could apply the override.
 */

const { headerOf, isSentOnce } = require('./headers.js');

const METHOD = 'access-control-request-method';
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** One origin, or `null`. Web `Headers` join several fields with a comma. */
const ORIGIN = /^[^\s,]+$/;
/** Headers that a preflight never has: credentials, content, and method overrides. */
const FORBIDDEN_HEADERS = [
  'authorization',
  'cookie',
  'transfer-encoding',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
];

/** @param {import('./headers.js').Message} message */
function isPreflight({ method, originalMethod = 'OPTIONS', headers, rawHeaders }) {
  // Express's method override keeps the received method in `originalMethod`.
  if (method !== 'OPTIONS' || originalMethod !== 'OPTIONS') return false;
  /** @param {string} name */
  const valueOf = (name) => headerOf(headers, name);
  const origin = valueOf('origin');
  const hasPreflightHeaders = typeof origin === 'string' && ORIGIN.test(origin) && TOKEN.test(valueOf(METHOD) ?? '');
  const hasContent = (valueOf('content-length') ?? '0') !== '0';
  if (!hasPreflightHeaders || hasContent || FORBIDDEN_HEADERS.some((name) => valueOf(name) !== undefined)) return false;
  return isSentOnce(rawHeaders, 'origin') && isSentOnce(rawHeaders, METHOD);
}

module.exports = { isPreflight };
