'use strict';

/**
 * What a DPoP proof is compared with (RFC 9449 §4.3): finds the proof of a request, and the URL that the request was
 * sent to. Loaded when the first `DPoP` credential arrives.
 */

/**
 * @import { GivenProof } from '../client/call-proof.js'
 * @import { ValidatorType } from '../client/validate.js'
 * @import { RequestProofType } from '../client/request-proof.js'
 * @import { HeaderFields, Message } from './headers.js'
 * @import { Framework } from './request-url.js'
 */
/**
 * The settings of an API that decide which URL counts.
 *
 * @typedef {object} UrlSettings
 * @property {((request: any) => unknown) | null} [urlResolver] The user's function, which wins over the others.
 * @property {readonly string[]} publicUrls The URLs of the option `publicUrl`. If there are any, the framework's URL does
 *   not count.
 * @property {Framework} framework
 */
/**
 * The proof that came with a request.
 *
 * @typedef {object} Presented
 * @property {GivenProof} given
 * @property {string} method
 * @property {string[]} urls
 * @property {RequestProofType} proof
 * @property {ValidatorType} validator The validator that made `proof`.
 */
/**
 * @typedef {object} Entry
 * @property {number} context
 * @property {readonly string[]} urls
 * @property {any} proof
 * @property {Entry | undefined} next One for other clients or URLs.
 */

const { memberOf } = require('../client/arguments.js');
const { endOfValue, headerOf, isSentOnce } = require('./headers.js');
const { URL_OF, targetOf, urlBelow } = require('./request-url.js');

/** More than one `DPoP` field, or a list (RFC 9449 §4.3, check 1). */
const SEVERAL = Symbol('several proofs');
/** `urlResolver` threw, or returned something other than a URL. */
const FAILED = Symbol('url resolver failed');

/**
 * Returns the text of the one `DPoP` field, `undefined` without such a field, or `SEVERAL`. Node and web `Headers` join
 * several fields with a comma, which no proof contains.
 *
 * @param {HeaderFields} headers
 * @param {readonly string[]} [rawHeaders]
 * @returns {string | typeof SEVERAL | undefined}
 */
function proofOf(headers, rawHeaders) {
  const header = headerOf(headers, 'dpop');
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || header.includes(',') || !isSentOnce(rawHeaders, 'dpop')) return SEVERAL;
  return header.slice(0, endOfValue(header));
}

/**
 * Returns the URLs that the proof of a request may name. The list is empty if no URL can be trusted. It is `FAILED` if
 * `urlResolver` failed.
 *
 * @param {UrlSettings} settings
 * @param {Message} message
 * @param {any} request The framework's request.
 * @returns {string[] | typeof FAILED}
 */
function expectedUrls(settings, message, request) {
  const { urlResolver, publicUrls, framework } = settings;
  if (urlResolver) return resolvedUrls(urlResolver, request);
  // The frameworks of the Fetch standard have no request of their own that knows more.
  const source = framework === 'web' ? message : request;
  const urls =
    publicUrls.length === 0
      ? [URL_OF[framework](source)]
      : publicUrls.map((publicUrl) => urlBelow(publicUrl, targetOf(source)));
  return urls.filter((url) => url !== undefined);
}

/**
 * @param {(request: any) => unknown} urlResolver
 * @param {any} request
 */
function resolvedUrls(urlResolver, request) {
  try {
    const found = urlResolver(request);
    if (found === undefined || found === null) return [];
    // A `URL` of any realm.
    const url = typeof found === 'string' ? found : memberOf(found, 'href');
    if (typeof url === 'string') return [url];
  } catch {
    // The caller reports it without the error, whose text may contain what the resolver read.
  }
  return FAILED;
}

/**
 * The proofs of the requests that are being answered. A request may pass several guards: for the app and for a route, of
 * one client or of two. Its proof is good for one use, so all of them share it, if their clients share which proofs were
 * used and if they expect the same URLs.
 */
class Proofs {
  /**
   * For each request, a list of its proofs. Nearly always there is one.
   *
   * @type {WeakMap<object, Entry>}
   */
  #byMessage = new WeakMap();

  /**
   * Returns the proof of a request.
   *
   * @template T
   * @param {object} message
   * @param {number} context Identifies what the client shares with others: `dpopContext` of the engine.
   * @param {readonly string[]} urls The URLs that the proof may name.
   * @param {() => T} create Called for the first of the guards that share the proof.
   * @returns {T}
   */
  of(message, context, urls, create) {
    const first = this.#byMessage.get(message);
    for (let at = first; at !== undefined; at = at.next) {
      if (at.context === context && areEqual(at.urls, urls)) return at.proof;
    }
    const proof = create();
    this.#byMessage.set(message, { context, urls, proof, next: first });
    return proof;
  }
}

/**
 * @param {readonly string[]} one
 * @param {readonly string[]} other
 */
function areEqual(one, other) {
  return one.length === other.length && one.every((text, i) => text === other[i]);
}

const PROOFS = new Proofs();

/**
 * Returns the proof of a request. Returns `FAILED` if `urlResolver` failed.
 *
 * @param {UrlSettings} api
 * @param {ValidatorType} validator The validator of the client.
 * @param {Message} message
 * @param {any} request
 * @returns {Presented | typeof FAILED}
 */
function requestProof(api, validator, message, request) {
  const urls = expectedUrls(api, message, request);
  if (urls === FAILED) return FAILED;
  return PROOFS.of(message, validator.dpopFacts.context, urls, () => {
    const given = proofOf(message.headers, message.rawHeaders);
    const all = given === SEVERAL ? TWO_PROOFS : given;
    // A method override changes `method` and keeps the received one.
    const found = memberOf(message, 'originalMethod') ?? message.method;
    // A request that stands for a message, such as one of a GraphQL subscription, has no method. No proof is for it.
    const [method, targets] = typeof found === 'string' ? [found, urls] : ['', []];
    return { given: all, method, urls: targets, proof: validator.proof(all, method, targets), validator };
  });
}

/** Stands for several fields, whatever they contain. */
const TWO_PROOFS = /** @type {string[]} */ (Object.freeze(['', '']));

module.exports = { FAILED, Proofs, SEVERAL, expectedUrls, proofOf, requestProof };
