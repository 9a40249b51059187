'use strict';

/**
 * Are the arguments of a call valid? Reads a plain object of options: it rejects unknown members and reads each known
 * member once.
 *
 * Only own members count. An inherited member may come from a polluted prototype.
 */

/** @import { MonoCloudReason } from '../types/errors.js' */

const { isProxy } = require('node:util/types');

const { MonoCloudValidationError } = require('../errors/errors.js');

const { getOwnPropertyNames, getPrototypeOf, hasOwn } = Object;

/** An error message shows at most this many characters of a member's name. */
const MAX_SHOWN_CHARACTERS = 64;

/**
 * Returns the options of a call as an object without a prototype. `undefined` and `null` mean no options.
 *
 * @param {string} where The function that was called, for the message: `protect()`.
 * @param {unknown} value
 * @param {readonly string[]} known The names that are allowed.
 * @param {MonoCloudReason} [reason]
 * @returns {Record<string, any>} Nothing has checked the values.
 * @throws MonoCloudValidationError The value is not a plain object, or has an unknown member. The message names it.
 */
function checkedOptions(where, value, known, reason = 'argument_invalid') {
  const options = Object.create(null);
  if (value === undefined || value === null) return options;
  checkNames(where, value, known, reason);
  for (const name of known) options[name] = readOwn(where, value, name, reason);
  return options;
}

/**
 * Rejects unknown members. Returns the names of the members. The caller reads them with `readOwn`.
 *
 * @param {string} where
 * @param {unknown} value
 * @param {readonly string[]} known
 * @param {MonoCloudReason} [reason]
 */
function checkNames(where, value, known, reason = 'argument_invalid') {
  const names = namesIn(where, value, reason);
  for (let i = 0; i < names.length; i += 1) {
    if (!known.includes(names[i])) throw invalid(unknownMessage(where, names[i], known), reason);
  }
  return names;
}

/**
 * @param {string} where
 * @param {unknown} value
 * @param {MonoCloudReason} reason
 */
function namesIn(where, value, reason) {
  let names;
  try {
    if (isPlain(value)) names = getOwnPropertyNames(value);
  } catch {
    // A proxy threw. It is not a plain object.
  }
  if (names === undefined) throw invalid(`${where} takes a plain object of options, not ${kindOf(value)}`, reason);
  return names;
}

/**
 * Reads one member of the options. Returns `undefined` if it is absent.
 *
 * @param {string} where
 * @param {any} value
 * @param {string} name
 * @param {MonoCloudReason} [reason]
 * @returns {any}
 */
function readOwn(where, value, name, reason = 'argument_invalid') {
  try {
    return own(value, name);
  } catch {
    throw invalid(`${where} cannot read ${shown(name)} of its options`, reason);
  }
}

/**
 * Whether a value is an object literal, of this realm or another, or an object without a prototype.
 *
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isPlain(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  // Jest and `node:vm` create literals in another realm, which has its own `Object.prototype`.
  return getPrototypeOf(prototype) === null && hasOwn(prototype, 'isPrototypeOf');
}

/**
 * Reads an own member. Ignores inherited ones.
 *
 * @param {any} object
 * @param {string} name
 * @returns {any}
 */
function own(object, name) {
  return hasOwn(object, name) ? object[name] : undefined;
}

/**
 * Reads a member of an object or of its class. Ignores members of the root prototype, because prototype pollution adds
 * them there. Use it for instances of classes, which often have getters: requests, responses, clients.
 *
 * @param {any} object
 * @param {string} name
 * @returns {any}
 */
function memberOf(object, name) {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null) return undefined;
  for (let at = object; at !== null; at = getPrototypeOf(at)) {
    if (hasOwn(at, name)) return at !== object && getPrototypeOf(at) === null ? undefined : object[name];
  }
  // A mock may be a proxy that returns members and lists none.
  return isProxy(object) ? object[name] : undefined;
}

/**
 * Returns a number of seconds that is valid as a clock setting.
 *
 * @param {string} name
 * @param {unknown} seconds
 * @returns {number}
 */
function checkedSeconds(name, seconds) {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) {
    throw invalid(`${name} must be a number of seconds, 0 or more`);
  }
  return seconds;
}

/** @param {unknown} value */
function isAbsent(value) {
  return value === undefined || value === null;
}

/**
 * @param {string} name
 * @param {unknown} flag
 */
function checkFlag(name, flag) {
  if (!isAbsent(flag) && typeof flag !== 'boolean') throw invalid(`${name} must be a boolean`);
}

/**
 * The error for an invalid argument.
 *
 * @param {string} message
 * @param {MonoCloudReason} [reason] `argument_invalid`, or `option_invalid` in a constructor.
 */
function invalid(message, reason = 'argument_invalid') {
  return new MonoCloudValidationError(message, undefined, reason);
}

/**
 * @param {string} where
 * @param {string} name
 * @param {readonly string[]} known
 */
function unknownMessage(where, name, known) {
  /** @param {string} other */
  const far = (other) => distance(name.slice(0, MAX_SHOWN_CHARACTERS).toLowerCase(), other.toLowerCase());
  // The nearest of those that are close: `cach` means `cache`, not `introspectionCacheDuration`.
  const [close] = known.filter((other) => isClose(name, other)).sort((one, two) => far(one) - far(two));
  const advice = close === undefined ? `It knows ${known.join(', ') || 'none'}` : `Did you mean ${shown(close)}?`;
  return `${where} does not know the option ${shown(name)}. ${advice}`;
}

/** @param {unknown} value */
function kindOf(value) {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object of a class';
  return `a ${typeof value}`;
}

/** @param {string} name */
const shown = (name) => JSON.stringify(name.slice(0, MAX_SHOWN_CHARACTERS));

/**
 * Whether two names differ only by case, by a prefix or suffix, or by at most two letters.
 *
 * @param {string} name
 * @param {string} other
 */
function isClose(name, other) {
  const [a, b] = [name.slice(0, MAX_SHOWN_CHARACTERS).toLowerCase(), other.toLowerCase()];
  const shorter = Math.min(a.length, b.length);
  if (shorter >= 4 && (a.includes(b) || b.includes(a))) return true;
  return shorter >= 4 && distance(a, b) <= 2;
}

/**
 * The Levenshtein distance: how many letters to insert, delete or replace.
 *
 * @param {string} a
 * @param {string} b
 */
function distance(a, b) {
  let row = [...Array(b.length + 1).keys()];
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

module.exports = {
  checkFlag,
  checkNames,
  checkedOptions,
  checkedSeconds,
  invalid,
  isAbsent,
  isPlain,
  memberOf,
  own,
  readOwn,
};
