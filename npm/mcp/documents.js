'use strict';

/**
 * How are the metadata documents of a protected resource served? The same answers for Express and Connect, Fastify, and
 * the Fetch standard.
 *
 * The documents are public, so any origin may read them, without credentials (RFC 9728 §7.7).
 */

/**
 * @import { IncomingMessage, ServerResponse } from 'node:http'
 * @import { Resource } from './metadata.js'
 */
/** @typedef {{ status: number, headers: Record<string, string>, body: string }} Answer */

const { memberOf } = require('../client/arguments.js');
const { targetOf } = require('../protect/request-url.js');

/** RFC 8414 §3. Clients of MCP 2025-03-26 look for it at the root of the MCP server. */
const AUTHORIZATION_SERVER = '/.well-known/oauth-authorization-server';
const METHODS = 'GET, HEAD, OPTIONS';
/** Seconds for `Retry-After` when the authorization server cannot be reached. */
const RETRY_AFTER = 5;

class Documents {
  #resource;
  #client;
  #paths;

  /**
   * @param {Resource} resource
   * @param {any} client
   */
  constructor(resource, client) {
    this.#resource = resource;
    this.#client = client;
    this.#paths = pathsOf(resource.url);
  }

  /** The paths that have a document. */
  get paths() {
    const others = this.#servesAuthorizationServer ? [AUTHORIZATION_SERVER] : [];
    return [...this.#paths, ...others];
  }

  /**
   * Returns the answer to a request: `{ status, headers, body }`, or a promise of it, or `undefined` if the path has no
   * document. Never rejects.
   *
   * @param {string | undefined} method
   * @param {string} target The request target, or a URL. The query is ignored.
   * @returns {Answer | Promise<Answer> | undefined}
   */
  answer(method, target) {
    const path = pathOf(target);
    const isResource = this.#paths.includes(path);
    if (!isResource && !(this.#servesAuthorizationServer && path === AUTHORIZATION_SERVER)) return undefined;
    if (method === 'OPTIONS') return preflightAnswer(this.#resource.maxAge);
    if (method !== 'GET' && method !== 'HEAD')
      return answerOf(405, { Allow: METHODS }, { message: 'method not allowed' });
    if (isResource) return this.#documentAnswer(this.#resource.metadata());
    return this.#authorizationServerAnswer();
  }

  get #servesAuthorizationServer() {
    return this.#resource.servesAuthorizationServer && typeof memberOf(this.#client, 'getMetadata') === 'function';
  }

  async #authorizationServerAnswer() {
    try {
      return this.#documentAnswer(await this.#client.getMetadata());
    } catch {
      // A client of MCP must not take an outage for an authorization server that does not exist.
      return answerOf(503, { 'Retry-After': String(RETRY_AFTER) }, { message: 'service unavailable' });
    }
  }

  /** @param {object} document */
  #documentAnswer(document) {
    return answerOf(200, { 'Cache-Control': `public, max-age=${this.#resource.maxAge}` }, document);
  }
}

/**
 * MCP clients remove a `/` at the end of the path, and RFC 9728 §3.1 can be read so too.
 *
 * @param {string} url
 */
function pathsOf(url) {
  const asWritten = pathOf(url);
  const paths = [asWritten, new URL(url).pathname];
  return [...new Set([...paths, ...paths.map((path) => path.replace(/\/$/, ''))])];
}

/**
 * The path of a request target or a URL.
 *
 * @param {string} target
 */
function pathOf(target) {
  return String(target)
    .replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '')
    .replace(/[?#].*$/s, '');
}

/**
 * @param {number} status
 * @param {Record<string, string>} headers
 * @param {object} document
 * @returns {Answer}
 */
function answerOf(status, headers, document) {
  const body = JSON.stringify(document);
  const shared = { 'Access-Control-Allow-Origin': '*', 'Content-Type': 'application/json' };
  return { status, headers: { ...shared, ...headers, 'Content-Length': String(Buffer.byteLength(body)) }, body };
}

/**
 * The MCP clients send `MCP-Protocol-Version`, for which a browser asks first.
 *
 * @param {number} maxAge
 * @returns {Answer}
 */
function preflightAnswer(maxAge) {
  const headers = {
    Allow: METHODS,
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': '*',
    'Access-Control-Max-Age': String(maxAge),
  };
  return { status: 204, headers, body: '' };
}

/** What `protectedResource()` returns. */
class ProtectedResource {
  #resource;
  #documents;

  /**
   * @param {Resource} resource
   * @param {any} client
   */
  constructor(resource, client) {
    this.#resource = resource;
    this.#documents = new Documents(resource, client);
  }

  get url() {
    return this.#resource.url;
  }

  get metadata() {
    return this.#resource.metadata();
  }

  middleware() {
    const documents = this.#documents;
    /**
     * @param {IncomingMessage} request
     * @param {ServerResponse} response
     * @param {(error?: unknown) => void} next
     */
    return function protectedResourceMiddleware(request, response, next) {
      const answer = documents.answer(request.method, targetOf(request));
      if (answer === undefined) return void next();
      // Restify would call `next` itself when a returned promise resolves, so nothing is returned.
      if (answer instanceof Promise) answer.then((ready) => write(ready, request, response));
      else write(answer, request, response);
    };
  }

  plugin() {
    const documents = this.#documents;
    /** @param {any} fastify */
    return async function protectedResourcePlugin(fastify) {
      const paths = new Set(documents.paths.map(routeOf));
      for (const url of paths) {
        fastify.all(url, {
          // Before the body is read, whose type Fastify may not know.
          onRequest: async (/** @type {any} */ request, /** @type {any} */ reply) => {
            const answer = await documents.answer(request.method, request.originalUrl);
            if (answer === undefined) return reply.callNotFound();
            return reply
              .code(answer.status)
              .headers(answer.headers)
              .serializer(asItIs)
              .send(request.method === 'HEAD' ? undefined : answer.body);
          },
          handler: (/** @type {any} */ _request, /** @type {any} */ reply) => reply.callNotFound(),
        });
      }
    };
  }

  /** @param {Request} request */
  respond(request) {
    const answer = this.#documents.answer(request.method, request.url);
    if (answer instanceof Promise) return answer.then((ready) => webResponse(ready, request.method));
    return answer && webResponse(answer, request.method);
  }
}

/** @param {string} text */
const asItIs = (text) => text;

/**
 * Fastify's router decodes the path of a request. It reads `:` as the start of a parameter, and `*` as the rest of the path.
 * The answer depends on the whole path.
 *
 * @param {string} path
 */
function routeOf(path) {
  return decodeURI(path).replace(/:/g, '::').replace(/\*.*$/, '*');
}

/**
 * @param {Answer} answer
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 */
function write({ status, headers, body }, { method }, response) {
  if (response.headersSent) return;
  try {
    response.statusCode = status;
    for (const name of Object.keys(headers)) response.setHeader(name, headers[name]);
    response.end(method === 'HEAD' ? undefined : body);
  } catch {
    // The client has gone (a closed HTTP/2 stream).
    response.destroy?.();
  }
}

/**
 * @param {Answer} answer
 * @param {string} method
 */
function webResponse({ status, headers, body }, method) {
  const content = method === 'HEAD' || status === 204 ? null : body;
  /** @type {any} */
  const options = { __proto__: null, status, statusText: '', headers };
  return new Response(content, options);
}

module.exports = { ProtectedResource };
