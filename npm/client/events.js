'use strict';

/**
 * Node's `diagnostics_channel` events, under `monocloud:backend:*`. Costs nothing when nobody listens. A message says
 * which client (`issuer`, `audience`) and what happened; never a token, a claim or a secret.
 */

const { channel } = require('node:diagnostics_channel');

const { Failure } = require('../errors/errors.js');

const VALIDATED = channel('monocloud:backend:validated');
const REFUSED = channel('monocloud:backend:refused');
const INTROSPECTED = channel('monocloud:backend:introspected');
const CACHE_FAILED = channel('monocloud:backend:cache.failed');
const KEYS_REFRESHED = channel('monocloud:backend:keys.refreshed');
const KEYS_REFRESH_FAILED = channel('monocloud:backend:keys.refresh_failed');

/** Whether anybody wants to know how decisions end. */
function isWatched() {
  return VALIDATED.hasSubscribers || REFUSED.hasSubscribers;
}

/** Tells how a decision ended. @param kind `jwt` or `opaque`. */
function decided(client, kind, outcome) {
  if (outcome instanceof Failure) publish(REFUSED, client, { kind, reason: outcome.spec.reason });
  else publish(VALIDATED, client, { kind });
}

/**
 * Tells that a resolver of `protectApi` threw, or gave something else than text. What it threw is not told: it may hold
 * what the resolver reads.
 *
 * @param client `undefined` for a client that is not this copy's.
 * @param resolver Its option's name.
 * @param kind `undefined` when there is no token yet.
 */
function resolverFailed(client, resolver, kind) {
  publish(REFUSED, client, { ...(kind && { kind }), reason: 'resolver_failed', resolver });
}

/** Tells what the issuer answered: whether the token is active, or the reason there was no answer. */
function introspected(client, failure) {
  if (!INTROSPECTED.hasSubscribers) return;
  const isAnswer = failure === undefined || failure.spec.reason === 'inactive';
  publish(INTROSPECTED, client, isAnswer ? { active: failure === undefined } : { reason: failure.spec.reason });
}

/** Tells that the user's cache could not do what it was asked to. @param operation `get`, `set` or `delete`. */
function cacheFailed(client, operation) {
  publish(CACHE_FAILED, client, { operation });
}

/** The engine's reports about the keys. Holds nothing but the client's name. */
function keysReporter(client) {
  return (text) => {
    const event = JSON.parse(text);
    publish(event.reason === undefined ? KEYS_REFRESHED : KEYS_REFRESH_FAILED, client, event);
  };
}

function publish(target, client, message) {
  if (target.hasSubscribers) target.publish({ issuer: client?.issuer, audience: client?.audience, ...message });
}

module.exports = { cacheFailed, decided, introspected, isWatched, keysReporter, resolverFailed };
