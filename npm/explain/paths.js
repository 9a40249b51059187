'use strict';

/** Where in the claims is a list, such as the scopes? A path has the names of a claim and of the members inside it. */

/**
 * @import { ShownOptions } from '../native/values.js'
 * @import { TokenFacts } from './facts.js'
 */

/**
 * The value at the end of a path, of the token's own members.
 *
 * @param {TokenFacts['claims']} claims
 * @param {readonly string[]} path
 * @returns {unknown}
 */
function claim(claims, path) {
  /** @type {any} */
  let value = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = value[name];
  }
  return value;
}

/**
 * The path of the first claim that the token has and that may hold its scopes.
 *
 * @param {TokenFacts['claims']} claims
 * @param {ShownOptions} options
 */
function scopesClaim(claims, options) {
  return options['scopeOptions.scopesClaim'].find((path) => claim(claims, path) !== undefined);
}

/**
 * A path for a reader.
 *
 * @param {readonly string[]} path
 */
function nameOf(path) {
  return path.length === 1 ? path[0] : JSON.stringify(path);
}

module.exports = { claim, nameOf, scopesClaim };
