'use strict';

/**
 * May these claims use this route? Reads the options `authorize` and `optional` of `protect()`, and asks the
 * application's function.
 *
 * Only `true` lets a request pass. There is no time limit, because the function may ask a database.
 */

/** @import { FailureData } from '../errors/errors.js' */
/** @typedef {(claims: object, request: any) => Promise<FailureData | undefined>} Ask Never rejects. */

const { invalid, readOwn } = require('../client/arguments.js');
const { FAILURES } = require('../errors/errors.js');

const WHERE = 'protect()';

/**
 * Reads both options. `routeSpec` has checked the names.
 *
 * @param {unknown} options
 * @returns {{ ask: Ask | undefined, isOptional: boolean }}
 */
function gateOf(options) {
  return { ask: authorizerOf(options), isOptional: isOptional(options) };
}

/**
 * Whether a request without credentials passes.
 *
 * @param {unknown} options
 */
function isOptional(options) {
  const given = memberOf(options, 'optional');
  if (given === undefined || given === null) return false;
  if (typeof given === 'boolean') return given;
  throw invalid(`${WHERE}: optional must be a boolean`);
}

/**
 * Returns the function that asks `authorize`, or `undefined` if the route has none.
 *
 * @param {unknown} options
 * @returns {Ask | undefined}
 */
function authorizerOf(options) {
  const authorize = memberOf(options, 'authorize');
  if (authorize === undefined || authorize === null) return undefined;
  if (typeof authorize !== 'function') throw invalid(`${WHERE}: authorize must be a function`);
  return async function ask(claims, request) {
    try {
      const answer = await authorize(claims, request);
      if (answer === true) return undefined;
      if (answer === false) return FAILURES.authorize_refused;
    } catch {
      // The event names the failure without the error, whose text may contain what the function read.
    }
    return FAILURES.authorize_failed;
  };
}

/**
 * @param {unknown} options
 * @param {string} name
 */
function memberOf(options, name) {
  return options === undefined || options === null ? undefined : readOwn(WHERE, options, name);
}

module.exports = { gateOf };
