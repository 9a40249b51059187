'use strict';

/** Publishes how one decision ends. Loaded with the first decision that somebody listens to. */

/**
 * @import { Decision } from './check-claims.js'
 * @import { PossessionType } from './possession.js'
 * @import { ValidatorType } from './validate.js'
 */
/**
 * Where a token came from: the pattern of the route, and the failure after which the caller decides again.
 *
 * @typedef {{ route: string | undefined, retried: object | undefined }} Origin
 */

const { Failure } = require('../errors/errors.js');
const { decided, sampledStart, secondsSince } = require('./events.js');
const { isPending } = require('./pending.js');

/**
 * Makes a decision and publishes its end.
 *
 * @param {ValidatorType} validator
 * @param {unknown} token
 * @param {PossessionType | undefined} possession
 * @param {Origin | undefined} origin
 * @param {() => Decision | Promise<Decision>} decide
 * @returns {Decision | Promise<Decision>}
 */
function watched(validator, token, possession, origin, decide) {
  const start = sampledStart();
  const outcome = decide();
  if (!isPending(outcome)) return published(validator, token, possession, origin, start, outcome);
  return outcome.then((ended) => published(validator, token, possession, origin, start, ended));
}

/**
 * @param {ValidatorType} validator
 * @param {unknown} token
 * @param {PossessionType | undefined} possession
 * @param {Origin | undefined} origin
 * @param {number | undefined} start
 * @param {Decision} outcome
 */
function published(validator, token, possession, origin, start, outcome) {
  // The caller decides on the token again, with what was missing. One decision is published once.
  if (origin?.retried !== undefined && outcome === origin.retried) return outcome;
  const kind = typeof token === 'string' && validator.isLocal(token) ? 'jwt' : 'opaque';
  decided(validator.context, kind, outcome, {
    scheme: possession?.proof === undefined ? 'bearer' : 'dpop',
    ...(origin?.route !== undefined && { route: origin.route }),
    ...(start !== undefined && { duration: secondsSince(start) }),
    ...(validator.publishesValues && outcome instanceof Failure && valuesOf(outcome, token, validator)),
  });
  return outcome;
}

/** @type {typeof import('./diagnostics.js').valuesOf} */
function valuesOf(failure, token, validator) {
  return require('./diagnostics.js').valuesOf(failure, token, validator);
}

module.exports = { watched };
