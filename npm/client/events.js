'use strict';

/**
 * Publishes events on Node's `diagnostics_channel`, under `monocloud:backend:*`. Without subscribers it does nothing. A
 * message names the client (`issuer`, `audience`) and the event. It never holds a token or a secret, and values of a
 * token only for a client with `diagnostics: 'values'`.
 */

/**
 * @import { Channel } from 'node:diagnostics_channel'
 * @import { FailureData } from '../errors/errors.js'
 * @import { Json, KeysEvent } from '../native/values.js'
 */
/** @typedef {'jwt' | 'opaque'} TokenKind */
/** @typedef {{ issuer: string, audience: string }} ClientContext Identifies a client. */

const { channel } = require('node:diagnostics_channel');

const { performance } = require('node:perf_hooks');

const { Failure } = require('../errors/errors.js');

const VALIDATED = channel('monocloud:backend:validated');
const REFUSED = channel('monocloud:backend:refused');
const ANSWERED = channel('monocloud:backend:answered');
const INTROSPECTED = channel('monocloud:backend:introspected');
const CACHE_FAILED = channel('monocloud:backend:cache.failed');
const REPLAY_FULL = channel('monocloud:backend:replay.full');
const REPLAY_FAILED = channel('monocloud:backend:replay.failed');
const NONCE_ISSUED = channel('monocloud:backend:nonce.issued');
const REVOCATION_FAILED = channel('monocloud:backend:revocation.failed');
const HOOK_FAILED = channel('monocloud:backend:hook.failed');
const KEYS_REFRESHED = channel('monocloud:backend:keys.refreshed');
const KEYS_REFRESH_FAILED = channel('monocloud:backend:keys.refresh_failed');

/** Every how many decisions one is timed. 0: none is, because nobody asked for it. */
let sampling = 0;
let untimed = 0;

/** Whether anybody subscribes to the results of validations. */
function hasSubscribers() {
  return VALIDATED.hasSubscribers || REFUSED.hasSubscribers;
}

/**
 * Publishes the result of a validation.
 *
 * @param {ClientContext | undefined} client `undefined` for a client of another copy of this package, and if no client of
 *   several was chosen.
 * @param {TokenKind | undefined} kind `undefined` if the client is of another copy.
 * @param {unknown} outcome
 * @param {object} [facts] What else is known: scheme, route, duration, values.
 */
function decided(client, kind, outcome, facts) {
  if (outcome instanceof Failure) {
    const { status, spec } = outcome;
    publish(REFUSED, client, { ...(kind && { kind }), reason: spec.reason, status, ...mismatchOf(outcome), ...facts });
  } else publish(VALIDATED, client, { kind, ...facts });
}

/** Whether anybody subscribes to the decisions of `protectApi`. */
function isAnswerWatched() {
  return ANSWERED.hasSubscribers;
}

/**
 * Publishes what `protectApi` decided on a request.
 *
 * @param {ClientContext | undefined} client `undefined` for a client of another copy of this package, and for several
 *   issuers.
 * @param {object} message
 */
function answered(client, message) {
  publish(ANSWERED, client, message);
}

/**
 * Publishes that a response gives a nonce for the next DPoP proof (RFC 9449 §9). The message omits the nonce.
 *
 * @param {ClientContext} client
 */
function nonceIssued(client) {
  publish(NONCE_ISSUED, client, {});
}

/**
 * Sets how many decisions are timed, because reading the clock costs more than a decision should.
 *
 * @param {number} every One of so many, or 0 for none.
 */
function setSampling(every) {
  sampling = every;
}

/** The start of a decision, if this one is timed. */
function sampledStart() {
  if (sampling === 0) return undefined;
  untimed += 1;
  if (untimed < sampling) return undefined;
  untimed = 0;
  return performance.now();
}

/** The start of an introspection, if anybody subscribes. */
function introspectionStart() {
  return INTROSPECTED.hasSubscribers ? performance.now() : undefined;
}

/** @param {number} start */
function secondsSince(start) {
  return (performance.now() - start) / 1000;
}

/**
 * What a DPoP proof says about the request, and what the request is: a method or a URL without its query.
 *
 * @param {FailureData} failure
 */
function mismatchOf({ proof }) {
  return proof?.expected === undefined ? undefined : { expected: proof.expected, got: proof.got };
}

/**
 * Publishes that a resolver of `protectApi` threw, or returned something other than a string. The message omits the
 * thrown error, because it may contain a token or a certificate.
 *
 * @param {ClientContext | undefined} client `undefined` for a client of another copy of this package.
 * @param {string} resolver The name of the resolver's option.
 * @param {TokenKind | undefined} kind `undefined` if there is no token yet.
 */
function resolverFailed(client, resolver, kind) {
  publish(REFUSED, client, { ...(kind && { kind }), reason: 'resolver_failed', status: 401, resolver });
}

/**
 * Publishes the result of an introspection: whether the token is active, or the reason why the request failed.
 *
 * @param {ClientContext} client
 * @param {FailureData | undefined} failure
 * @param {number | undefined} start
 */
function introspected(client, failure, start) {
  if (!INTROSPECTED.hasSubscribers) return;
  const isResponse = failure === undefined || failure.spec.reason === 'inactive';
  const result = isResponse ? { active: failure === undefined } : { reason: failure.spec.reason };
  publish(INTROSPECTED, client, start === undefined ? result : { ...result, duration: secondsSince(start) });
}

/**
 * Publishes that an operation of the user's cache failed.
 *
 * @param {ClientContext} client
 * @param {'get' | 'set' | 'delete'} operation `get`, `set` or `delete`.
 */
function cacheFailed(client, operation) {
  publish(CACHE_FAILED, client, { operation });
}

/** Whether anybody subscribes to the state of the memory of used DPoP proofs. */
function isReplayMemoryWatched() {
  return REPLAY_FULL.hasSubscribers;
}

/**
 * Publishes that the memory of used DPoP proofs was full, so that proofs of some time are rejected from now on.
 *
 * @param {ClientContext} client
 */
function replayMemoryFull(client) {
  publish(REPLAY_FULL, client, {});
}

/**
 * Publishes that the user's replay store threw, took too long, or returned something other than a boolean.
 *
 * @param {ClientContext} client
 */
function replayStoreFailed(client) {
  publish(REPLAY_FAILED, client, {});
}

/**
 * Publishes that the user's revocation store threw, took too long, or returned something other than a cut-off.
 *
 * @param {ClientContext} client
 */
function revocationStoreFailed(client) {
  publish(REVOCATION_FAILED, client, {});
}

/**
 * Publishes that a function of the application, which was told of a refusal, failed. The request is refused all the same.
 * The message omits the thrown error, because it may contain what the function read.
 *
 * @param {ClientContext | undefined} client `undefined` for a client of another copy of this package.
 * @param {'onRefused'} hook The name of the option.
 */
function hookFailed(client, hook) {
  publish(HOOK_FAILED, client, { hook });
}

/**
 * Returns the callback with which the engine reports on the keys. It refers only to the client's context.
 *
 * @param {ClientContext} client
 * @returns {(text: Json<KeysEvent>) => void}
 */
function keysReporter(client) {
  return (text) => {
    const event = JSON.parse(text);
    publish(event.reason === undefined ? KEYS_REFRESHED : KEYS_REFRESH_FAILED, client, event);
  };
}

/**
 * @param {Channel} target
 * @param {ClientContext | undefined} client
 * @param {object} message
 */
function publish(target, client, message) {
  if (target.hasSubscribers) target.publish({ issuer: client?.issuer, audience: client?.audience, ...message });
}

module.exports = {
  answered,
  cacheFailed,
  decided,
  hasSubscribers,
  hookFailed,
  introspected,
  introspectionStart,
  isAnswerWatched,
  isReplayMemoryWatched,
  keysReporter,
  nonceIssued,
  replayMemoryFull,
  replayStoreFailed,
  resolverFailed,
  revocationStoreFailed,
  sampledStart,
  secondsSince,
  setSampling,
};
