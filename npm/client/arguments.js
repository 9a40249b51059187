'use strict';

/**
 * Reads what a caller passed: a plain object of options, whose members are all known, each read once.
 *
 * Only own members count. A member that an object inherits is nobody's setting: it may come from a polluted prototype.
 */

const { isProxy } = require('node:util/types');

const { MonoCloudValidationError } = require('../errors/errors.js');

const { getOwnPropertyNames, getPrototypeOf, hasOwn } = Object;

/** The most characters of a caller's own name that go into a message. */
const MAX_SHOWN = 64;

/**
 * The options of a call as an object without a prototype. `undefined` and `null` are no options.
 *
 * @param where Who was called, for the message: `protect()`.
 * @param known The names that may be there.
 * @throws MonoCloudValidationError It is no plain object, or has a member that is not known; the message names it.
 */
function checkedOptions(where, value, known, reason = 'argument_invalid') {
  const options = Object.create(null);
  if (value === undefined || value === null) return options;
  checkNames(where, value, known, reason);
  for (const name of known) options[name] = readOwn(where, value, name, reason);
  return options;
}

/** The check alone, for options that are read by `readOwn`. */
function checkNames(where, value, known, reason = 'argument_invalid') {
  const names = namesIn(where, value, reason);
  for (let i = 0; i < names.length; i += 1) {
    if (!known.includes(names[i])) throw invalid(unknown(where, names[i], known), reason);
  }
}

function namesIn(where, value, reason) {
  let names;
  try {
    if (isPlain(value)) names = getOwnPropertyNames(value);
  } catch {
    // A proxy that throws says nothing that could be followed.
  }
  if (names === undefined) throw invalid(`${where} takes a plain object of options, not ${kindOf(value)}`, reason);
  return names;
}

/** One member of options, `undefined` when it is not there. */
function readOwn(where, value, name, reason = 'argument_invalid') {
  try {
    return own(value, name);
  } catch {
    throw invalid(`${where} cannot read ${shown(name)} of its options`, reason);
  }
}

/** An object that inherits nothing of its own kind: a literal, of this realm or another, or one without a prototype. */
function isPlain(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  // The prototype of another realm's literals: Jest, `node:vm`.
  return getPrototypeOf(prototype) === null && hasOwn(prototype, 'isPrototypeOf');
}

/** A member of the object itself, never one that it inherits. */
function own(object, name) {
  return hasOwn(object, name) ? object[name] : undefined;
}

/**
 * A member of an object or of its class. What the root of all objects has is not taken: that is where prototypes are
 * polluted. For instances of classes, whose members are often getters of the class: requests, responses, clients.
 */
function memberOf(object, name) {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null) return undefined;
  for (let at = object; at !== null; at = getPrototypeOf(at)) {
    if (hasOwn(at, name)) return at !== object && getPrototypeOf(at) === null ? undefined : object[name];
  }
  // A mock may be a proxy that has members and shows none.
  return isProxy(object) ? object[name] : undefined;
}

/** For an argument that no rule reads. @param reason `argument_invalid`, or `option_invalid` in a constructor. */
function invalid(message, reason = 'argument_invalid') {
  return new MonoCloudValidationError(message, undefined, reason);
}

function unknown(where, name, known) {
  const close = known.find((other) => isClose(name, other));
  const advice = close === undefined ? `It knows ${known.join(', ') || 'none'}` : `Did you mean ${shown(close)}?`;
  return `${where} does not know the option ${shown(name)}. ${advice}`;
}

function kindOf(value) {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object of a class';
  return `a ${typeof value}`;
}

const shown = (name) => JSON.stringify(name.slice(0, MAX_SHOWN));

/** Two names that differ by their case, by an end or a beginning, or by at most two letters. */
function isClose(name, other) {
  const [a, b] = [name.slice(0, MAX_SHOWN).toLowerCase(), other.toLowerCase()];
  const shorter = Math.min(a.length, b.length);
  if (shorter >= 4 && (a.includes(b) || b.includes(a))) return true;
  return shorter >= 4 && distance(a, b) <= 2;
}

/** How many letters must be put in, left out or replaced (Levenshtein). */
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

module.exports = { checkNames, checkedOptions, invalid, isPlain, memberOf, own, readOwn };
