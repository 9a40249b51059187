'use strict';

/**
 * Reads the DPoP proof that a caller without a framework passes to a method: `scheme` and `dpop`.
 *
 * Methods call each other, and a proof is good for one use. So the objects that this package passes on itself are
 * remembered with the proof of the request.
 */

/**
 * @import { RequestProofType } from './request-proof.js'
 * @import { ValidatorType } from './validate.js'
 */
/** @typedef {CallProof} CallProofType The class as a type, for other files. */
/** @typedef {string | string[] | undefined} GivenProof The values of the `DPoP` header. */
/**
 * The proof of a request, and the `dpopContext` of the client that made it. Clients with the same context share their proofs.
 *
 * @typedef {{ proof: RequestProofType, context: number }} KnownProof
 */

const { checkNames, invalid, memberOf, readOwn } = require('./arguments.js');

const SCHEMES = ['bearer', 'dpop'];
const MEMBERS = ['proof', 'method', 'url'];
const MAX_PROOFS = 16;

/**
 * The proofs by the `dpop` objects that this package made.
 *
 * @type {WeakMap<object, KnownProof>}
 */
const PROOFS = new WeakMap();

/** A proof as the caller gave it. */
class CallProof {
  #known;

  /**
   * @param {GivenProof} given
   * @param {string} method
   * @param {string} url
   * @param {KnownProof | undefined} known Set if this package made the object.
   */
  constructor(given, method, url, known) {
    this.given = given;
    this.method = method;
    this.url = url;
    this.#known = known;
  }

  /**
   * Returns the proof of the request.
   *
   * @param {ValidatorType} validator
   */
  for(validator) {
    const known = this.#known;
    if (known !== undefined && known.context === validator.dpopFacts.context) return known.proof;
    return validator.proof(this.given, this.method, [this.url]);
  }

  /**
   * Returns a proof that is checked and not used.
   *
   * @param {ValidatorType} validator
   */
  rehearsedFor(validator) {
    return validator.proof(this.given, this.method, [this.url], true);
  }
}

/**
 * Returns a `CallProof`, or `undefined` for a bearer token.
 *
 * @param {string} where
 * @param {any} scheme
 * @param {any} dpop
 */
function readCallProof(where, scheme, dpop) {
  if (scheme !== undefined && !SCHEMES.includes(scheme)) {
    throw invalid(`${where}: scheme must be one of ${SCHEMES.join(', ')}`);
  }
  if (dpop === undefined) {
    if (scheme === 'dpop') throw invalid(`${where}: dpop is required with the scheme dpop`);
    return undefined;
  }
  const known = PROOFS.get(dpop);
  const named = `${where}: dpop`;
  checkNames(named, dpop, MEMBERS);
  const proof = readOwn(named, dpop, 'proof');
  const method = readOwn(named, dpop, 'method');
  const url = readOwn(named, dpop, 'url');
  if (typeof method !== 'string' || method === '') throw invalid(`${where}: dpop.method must be the request's method`);
  const call = new CallProof(givenOf(where, proof), method, urlOf(where, url), known);
  // Clients send a proof with every request, also with one whose token is a bearer token (RFC 9449 §7.2).
  return scheme === 'dpop' ? call : undefined;
}

/**
 * Returns text, an array of several texts, or `undefined`.
 *
 * @param {string} where
 * @param {unknown} proof
 * @returns {GivenProof}
 */
function givenOf(where, proof) {
  if (proof === undefined || proof === null) return undefined;
  if (typeof proof === 'string') return proof;
  if (Array.isArray(proof) && proof.length <= MAX_PROOFS) {
    const indexes = /** @type {ArrayLike<unknown>} */ ({ __proto__: null, length: proof.length });
    const items = Array.from(indexes, (_, i) => readOwn(where, proof, String(i)));
    if (items.every((item) => typeof item === 'string')) return items.length === 1 ? items[0] : items;
  }
  throw invalid(`${where}: dpop.proof must be the value of the DPoP header, or an array of its values`);
}

/**
 * @param {string} where
 * @param {unknown} url
 * @returns {string}
 */
function urlOf(where, url) {
  const text = typeof url === 'object' && url !== null ? memberOf(url, 'href') : url;
  if (typeof text === 'string' && text !== '') return text;
  throw invalid(`${where}: dpop.url must be the URL of the request`);
}

/**
 * Returns the options for a method that takes a proof itself. It uses the same proof as its caller.
 *
 * @param {any} options
 * @param {Pick<CallProof, 'given' | 'method' | 'url'>} call
 * @param {RequestProofType} proof What `validator` made for `call`.
 * @param {ValidatorType} validator
 * @returns {object}
 */
function optionsWithProof(options, { given, method, url }, proof, validator) {
  const dpop = { proof: given, method, url };
  PROOFS.set(dpop, { proof, context: validator.dpopFacts.context });
  return { ...options, scheme: 'dpop', dpop };
}

module.exports = { optionsWithProof, readCallProof };
