'use strict';

/** What does an event say about the request of a decision? Without a listener, this is one check. */

/**
 * @import { FailureData } from '../errors/errors.js'
 * @import { ValidatorType } from '../client/validate.js'
 * @import { Presented } from './dpop.js'
 */

const { decided, hasSubscribers } = require('../client/events.js');

/**
 * @param {any} request
 * @param {object} [retried] The failure after which the token is decided on again.
 */
function originOf(request, retried) {
  return hasSubscribers() ? watching().originOf(request, retried) : undefined;
}

/** Without a listener, the package does not load this module. */
function watching() {
  return require('./watched.js');
}

/**
 * Publishes that `authorize` of a route did not let a token in.
 *
 * @param {ValidatorType | undefined} validator
 * @param {string} token
 * @param {any} request
 * @param {Presented | undefined} presented
 * @param {FailureData} failure
 */
function authorizeFailed(validator, token, request, presented, failure) {
  const route = originOf(request)?.route;
  const scheme = presented === undefined ? 'bearer' : 'dpop';
  decided(validator?.context, kindOf(validator, token), failure, { scheme, ...(route && { route }) });
}

/**
 * @param {ValidatorType | undefined} validator
 * @param {string | undefined} token
 */
function kindOf(validator, token) {
  if (validator === undefined || token === undefined) return undefined;
  return validator.isLocal(token) ? 'jwt' : 'opaque';
}

module.exports = { authorizeFailed, kindOf, originOf, watching };
