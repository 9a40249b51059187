'use strict';

/**
 * Which URL did the client send its request to, as far as the framework knows?
 *
 * A DPoP proof names that URL (RFC 9449 §4.2 `htu`). The framework's own proxy settings apply. Each part is checked,
 * because a part with a `/` or an `@` would change the others. Query and fragment are left out: they do not count, and
 * they may hold secrets.
 */

/** @typedef {'express' | 'fastify' | 'koa' | 'node' | 'web'} Framework Whose requests these are. */

const { memberOf } = require('../client/arguments.js');
const { headerOf, isSentOnce } = require('./headers.js');

/** RFC 3986 §3.2.2, §3.2.3: a host without userinfo, and maybe a port. A comma would mean a list of hosts. */
const HOST = /^(?:\[[\d.:A-Fa-f]+\]|[\w.~%!$&'()*+;=-]+)(?::\d*)?$/;
/** RFC 9112 §3.2.2: the absolute form of a request target. A client can write any host there. */
const ORIGIN_OF_ABSOLUTE_FORM = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i;

/** For each framework, the URL of one of its requests, or `undefined` if there is none that can be trusted. */
const URL_OF = {
  __proto__: null,

  /** @param {any} request */
  express(request) {
    const protocol = memberOf(request, 'protocol') ?? protocolOf(request);
    return urlOf(protocol, forwardedHostOf(request) ?? hostOf(request), targetOf(request));
  },

  /**
   * Fastify 5 has `host`. In Fastify 4, `hostname` has the port. `rewriteUrl` does not change `originalUrl`.
   *
   * @param {any} request
   */
  fastify(request) {
    if (!hasOneHost(request.raw)) return undefined;
    return urlOf(request.protocol, memberOf(request, 'host') ?? request.hostname, request.originalUrl);
  },

  /**
   * With `app.proxy`, `protocol` is that of the proxy. `host` has lost userinfo, so the headers are read here.
   *
   * @param {any} ctx
   */
  koa({ app, req, protocol, originalUrl }) {
    const forwarded = memberOf(app, 'proxy') ? firstForwardedHost(req.headers) : undefined;
    return urlOf(protocol, forwarded ?? hostOf(req), originalUrl);
  },

  /**
   * `node:http`, and `node:http2` with its compatibility API. There are no proxy settings.
   *
   * @param {any} request
   */
  node(request) {
    return urlOf(protocolOf(request), hostOf(request), targetOf(request));
  },

  /**
   * A request of the Fetch standard.
   *
   * @param {any} request
   */
  web(request) {
    if (headerOf(request.headers, 'host')?.includes(',')) return undefined;
    const origin = ORIGIN_OF_ABSOLUTE_FORM.exec(request.url)?.[0] ?? '';
    const [protocol, host] = origin.split('://');
    return urlOf(protocol, host, request.url);
  },
};

/**
 * Returns the URL with the path of a request below a public URL.
 *
 * @param {string} publicUrl The scheme and the host where clients reach the API, maybe with the path that a proxy removes.
 * @param {unknown} target The request target as received (RFC 9112 §3.2).
 */
function urlBelow(publicUrl, target) {
  const path = pathOf(target);
  return path === undefined ? undefined : publicUrl.replace(/\/$/, '') + path;
}

/**
 * Returns the URL of these parts, or `undefined` if one of them is missing or malformed.
 *
 * @param {unknown} protocol
 * @param {unknown} host
 * @param {unknown} target
 */
function urlOf(protocol, host, target) {
  const scheme = typeof protocol === 'string' ? protocol.toLowerCase() : undefined;
  const path = pathOf(target);
  if ((scheme !== 'http' && scheme !== 'https') || typeof host !== 'string' || !HOST.test(host)) return undefined;
  return path === undefined ? undefined : `${scheme}://${host}${path}`;
}

/**
 * The path of a request target (RFC 9112 §3.2), without the query. `OPTIONS *` has none, so it is `/`.
 *
 * @param {unknown} target
 */
function pathOf(target) {
  if (typeof target !== 'string') return undefined;
  if (target === '*') return '/';
  const path = target.replace(ORIGIN_OF_ABSOLUTE_FORM, '').replace(/[?#].*$/s, '');
  if (path.startsWith('/')) return path;
  return path === '' && ORIGIN_OF_ABSOLUTE_FORM.test(target) ? '/' : undefined;
}

/**
 * As received. A mounted router or a rewriting hook changes `url`.
 *
 * @param {any} request
 */
function targetOf(request) {
  return memberOf(request, 'originalUrl') ?? request.url;
}

/** @param {any} request */
function protocolOf({ socket }) {
  return memberOf(socket, 'encrypted') ? 'https' : 'http';
}

/**
 * RFC 9113 §8.3.1: HTTP/2 has `:authority`. Other names cannot begin with a colon.
 *
 * @param {any} request
 */
function hostOf(request) {
  const { headers } = request;
  return hasOneHost(request) ? (headerOf(headers, ':authority') ?? headerOf(headers, 'host')) : undefined;
}

/**
 * RFC 9112 §3.2: a request with two `Host` headers is malformed. A proxy may have read the other one.
 *
 * @param {any} request
 */
function hasOneHost({ rawHeaders }) {
  return isSentOnce(rawHeaders, 'host');
}

/**
 * The host that a trusted proxy names. Like Express 5, this takes the first of several. In Express 4, `host` and
 * `hostname` have no port, so the header is read here for both.
 *
 * @param {any} request
 */
function forwardedHostOf(request) {
  const isTrusted = memberOf(request, 'app')?.get?.('trust proxy fn');
  const host = firstForwardedHost(request.headers);
  if (typeof isTrusted !== 'function' || host === undefined) return undefined;
  return isTrusted(request.socket.remoteAddress, 0) ? host : undefined;
}

/** @param {import('./headers.js').HeaderFields} headers */
function firstForwardedHost(headers) {
  const value = headerOf(headers, 'x-forwarded-host');
  return value ? value.split(',', 1)[0].trim() : undefined;
}

module.exports = { URL_OF, targetOf, urlBelow, urlOf };
