'use strict';

/**
 * What a guard of `./node` and a connection of `./ws` know of each other, and nobody else: a request that stands for an
 * earlier one with another token, a request that needs no token, and the reason of a refusal.
 */

/**
 * The requests whose token was given in a message. A `tokenResolver` would find the old token again.
 *
 * @type {WeakSet<object>}
 */
const RENEWALS = new WeakSet();
/**
 * The reasons by refusal. A refusal is public, and says only what is sent.
 *
 * @type {WeakMap<object, string | undefined>}
 */
const REASONS = new WeakMap();

/**
 * The results of guards for requests that pass without a token. Any other result without claims is a mistake of the
 * application, and lets nobody in.
 *
 * @type {WeakSet<object>}
 */
const ANONYMOUS = new WeakSet();

/**
 * Returns a request that equals another one except for its credentials. The resolvers of an application see every member
 * of the original.
 *
 * @param {any} request
 * @param {string} token
 * @param {string} [proof] A DPoP proof for the token. Without one, the token is a bearer token.
 */
function withToken(request, token, proof) {
  /** @type {Record<string, string>} */
  const credentials = { authorization: `${proof === undefined ? 'Bearer' : 'DPoP'} ${token}` };
  if (proof !== undefined) credentials.dpop = proof;
  const headers = { ...request.headers };
  for (const name of CREDENTIALS) delete headers[name];
  const rawHeaders = request.rawHeaders && rawWith(request.rawHeaders, credentials);
  const headersDistinct = rawHeaders && distinctOf(rawHeaders);
  return Object.create(request, describe({ headers: { ...headers, ...credentials }, headersDistinct, rawHeaders }));
}

const CREDENTIALS = ['authorization', 'dpop'];

/**
 * Names and values in turn, with other credentials. A repeated field of another name stays one.
 *
 * @param {string[]} raw
 * @param {Record<string, string>} credentials
 */
function rawWith(raw, credentials) {
  const kept = raw.filter((_, at) => !CREDENTIALS.includes(String(raw[at - (at % 2)]).toLowerCase()));
  return [...kept, ...Object.entries(credentials).flat()];
}

/** @param {string[]} raw */
function distinctOf(raw) {
  /** @type {Record<string, string[]>} */
  const values = Object.create(null);
  for (let at = 0; at < raw.length; at += 2) (values[String(raw[at]).toLowerCase()] ??= []).push(String(raw[at + 1]));
  return values;
}

/** @param {object} members */
function describe(members) {
  /** @type {PropertyDescriptorMap} */
  const described = Object.create(null);
  for (const [name, value] of Object.entries(members)) {
    described[name] = { __proto__: null, value, enumerable: true, writable: true };
  }
  return described;
}

/**
 * The same for a token that replaces the one of the request.
 *
 * @param {any} request
 * @param {string} token
 * @param {string} [proof]
 */
function renewalOf(request, token, proof) {
  const renewal = withToken(request, token, proof);
  RENEWALS.add(renewal);
  return renewal;
}

/** @param {object} request */
const isRenewal = (request) => RENEWALS.has(request);

/**
 * @template {object} T
 * @param {T} result
 */
function keepAnonymous(result) {
  ANONYMOUS.add(result);
  return result;
}

/** @param {object} result */
const isAnonymous = (result) => ANONYMOUS.has(result);

/**
 * @template {object} T
 * @param {T} refusal
 * @param {string | undefined} reason
 */
function keepReason(refusal, reason) {
  REASONS.set(refusal, reason);
  return refusal;
}

/** @param {object} refusal */
const reasonOf = (refusal) => REASONS.get(refusal);

module.exports = { isAnonymous, isRenewal, keepAnonymous, keepReason, reasonOf, renewalOf, withToken };
