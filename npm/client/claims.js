'use strict';

/**
 * Keeps parsed claims and returns a fresh copy to each call. A copy is much cheaper than parsing again, and callers share
 * no objects.
 *
 * A spread copies an object without running setters. Afterwards each name is an own member, so an assignment sets that
 * member, also for `__proto__`.
 */

/** @import { Claims } from '../native/values.js' */
/** @typedef {{ claims: Claims, entry?: (same: Claims) => object }} Found Parsed claims, and how their entry is built. */

const { LIMITS } = require('../native/constants.js');

const { hasOwn } = Object;

/**
 * Returns a deep copy of a value that came from `JSON.parse`.
 *
 * @template {object} T
 * @param {T} value
 * @returns {T}
 */
function copy(value) {
  return Array.isArray(value) ? copyArray(value) : copyMembers({ ...value });
}

/**
 * @param {unknown[]} value
 * @returns {any}
 */
function copyArray(value) {
  const fresh = value.slice();
  for (let i = 0; i < fresh.length; i += 1) {
    const item = fresh[i];
    // This spread sees only elements of arrays, mostly groups. V8 optimizes it separately.
    if (isNested(item)) fresh[i] = Array.isArray(item) ? copyArray(item) : copyMembers({ ...item });
  }
  return fresh;
}

/**
 * `for...in` is much faster here than `Object.keys`, but it also finds the names that a polluted prototype adds.
 *
 * @param {any} fresh A copy without its nested values.
 * @returns {any}
 */
function copyMembers(fresh) {
  for (const name in fresh) {
    const member = fresh[name];
    if (isNested(member) && hasOwn(fresh, name)) fresh[name] = copy(member);
  }
  return fresh;
}

/**
 * Whether `JSON.stringify` would write `value` as it would write `known`, which came from `JSON.parse`. False is always a
 * safe result. Each member of `value` is read once, and callers use `known` afterwards.
 *
 * @param {any} known A value that came from `JSON.parse`.
 * @param {any} value What a user's cache returned. Each member is only compared.
 */
function isSame(known, value) {
  if (!isNested(known)) return Object.is(known, value);
  if (!isNested(value)) return false;
  if (Array.isArray(known)) {
    if (!Array.isArray(value) || value.length !== known.length) return false;
    for (let i = 0; i < known.length; i += 1) if (!isSame(known[i], value[i])) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  const [names, others] = [Object.keys(known), Object.keys(value)];
  if (names.length !== others.length) return false;
  for (let i = 0; i < names.length; i += 1) {
    if (names[i] !== others[i] || !isSame(known[names[i]], value[names[i]])) return false;
  }
  return true;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
const isNested = (value) => typeof value === 'object' && value !== null;

/** A slot number modulo this is its place. */
const PLACES = LIMITS.slotPlaces;

/**
 * Parsed claims by slot number. The engine gives each token its own slot number, and reuses places for new tokens. So
 * equal slot numbers mean the same token.
 *
 * The engine limits how many slots there are. Adding claims here drops those of the slots that it has released.
 */
class Slots {
  /** @type {Array<{ slot: number, claims: Claims, entry: object | undefined } | undefined>} */
  #places = [];
  /** @type {Record<string, unknown>} */
  #lastAdded = {};
  #released;

  /** @param {() => number[] | null} released Returns the slots that were released since its last call, or nothing. */
  constructor(released) {
    this.#released = released;
  }

  /**
   * Returns a fresh copy of the claims of a slot.
   *
   * @param {number} slot
   * @param {() => Found | undefined} read Returns the parsed claims as `{ claims, entry }`. It is called once per
   *   slot. The function `entry` builds
   *   the cache entry from the claims, for `sameClaims` to compare.
   * @returns {Claims | undefined}
   */
  claims(slot, read) {
    const place = slot % PLACES;
    const known = this.#places[place];
    if (known !== undefined && known.slot === slot) return copy(known.claims);
    const found = read();
    if (found === undefined) return undefined;
    this.#dropReleased();
    const claims = withSharedMembers(found.claims, this.#lastAdded);
    this.#places[place] = { slot, claims, entry: found.entry?.(claims) };
    this.#lastAdded = claims;
    return copy(claims);
  }

  /**
   * Returns a fresh copy of the claims of a slot, if `entry` equals the entry that they came from.
   *
   * @param {number} slot
   * @param {unknown} entry
   */
  sameClaims(slot, entry) {
    const known = this.#places[slot % PLACES];
    const isKnown = known !== undefined && known.slot === slot && isSame(known.entry, entry);
    return isKnown ? copy(known.claims) : undefined;
  }

  #dropReleased() {
    for (const slot of this.#released() ?? []) {
      const place = slot % PLACES;
      if (this.#places[place]?.slot === slot) this.#places[place] = undefined;
    }
  }
}

/**
 * Saves memory: equal members of two claims sets, such as issuer and audience, become one value.
 *
 * @param {Claims} claims
 * @param {Record<string, unknown>} others
 */
function withSharedMembers(claims, others) {
  for (const name of Object.keys(claims)) {
    if (hasOwn(others, name) && isSame(others[name], claims[name])) claims[name] = others[name];
  }
  return claims;
}

module.exports = { Slots, copy };
