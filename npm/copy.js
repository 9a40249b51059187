'use strict';

/**
 * Fresh copies of claims that were parsed once: much cheaper than parsing again, and nothing is shared between calls.
 *
 * A member named `__proto__` stays a member: objects are copied by spread, which defines properties and never runs a
 * setter, and nested values are put back with `defineProperty` under that one name.
 */

/** Gives a function that copies `value`, which came from `JSON.parse`, deeply. What is nested is looked for only once. */
function copier(value) {
  if (Array.isArray(value)) return arrayCopier(value);
  const names = Object.keys(value).filter((name) => isNested(value[name]));
  if (names.length === 0) return () => ({ ...value });
  const copiers = names.map((name) => copier(Object.getOwnPropertyDescriptor(value, name).value));
  const put = names.includes('__proto__') ? define : assign;
  return () => put({ ...value }, names, copiers);
}

function arrayCopier(array) {
  const places = [...array.keys()].filter((place) => isNested(array[place]));
  if (places.length === 0) return () => array.slice();
  const copiers = places.map((place) => copier(array[place]));
  return () => assign(array.slice(), places, copiers);
}

function assign(fresh, names, copiers) {
  for (let i = 0; i < names.length; i += 1) fresh[names[i]] = copiers[i]();
  return fresh;
}

function define(fresh, names, copiers) {
  for (let i = 0; i < names.length; i += 1) {
    Object.defineProperty(fresh, names[i], { value: copiers[i](), configurable: true, enumerable: true, writable: true });
  }
  return fresh;
}

/**
 * Whether `JSON.stringify` would write `value` as it wrote `known`, which came from `JSON.parse`. No is always a safe
 * answer. Each member of `value` is read once, and what it is taken for is `known`.
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

const isNested = (value) => typeof value === 'object' && value !== null;

/** How slot numbers name places: `PLACES` of the engine. */
const PLACES = 2 ** 20;

/**
 * Claims that were handed out before, by slot. A place is one token's after another, the whole number is one token's
 * alone: it tells whether what is kept here is still meant.
 */
class Slots {
  #places = [];

  /** A fresh copy of the claims of a slot. @param read Gives them, parsed, the first time. */
  claims(slot, read) {
    const place = slot % PLACES;
    const known = this.#places[place];
    if (known !== undefined && known.slot === slot) return known.copy();
    const claims = read();
    if (claims !== undefined) this.#places[place] = { slot, claims, copy: copier(claims) };
    return claims === undefined ? undefined : this.#places[place].copy();
  }

  /** A fresh copy of the claims of a slot, if they are known and `value` says the same. */
  sameClaims(slot, value) {
    const known = this.#places[slot % PLACES];
    return known !== undefined && known.slot === slot && isSame(known.claims, value) ? known.copy() : undefined;
  }
}

module.exports = { Slots, copier };
