'use strict';

/**
 * Fresh copies of claims that were parsed once: much cheaper than parsing again, and nothing is shared between calls.
 *
 * A member named `__proto__` stays a member: objects are copied by spread, which defines properties and never runs a
 * setter, and nested values are put back with `defineProperty` under that one name.
 */

/** Gives a function that copies `value`, which came from `JSON.parse`, deeply. */
function copier(value) {
  const nested = Object.keys(value).filter((name) => typeof value[name] === 'object' && value[name] !== null);
  if (nested.length === 0) return () => ({ ...value });
  if (nested.includes('__proto__')) return () => copy(value);
  return () => {
    const fresh = { ...value };
    for (let i = 0; i < nested.length; i += 1) fresh[nested[i]] = copy(value[nested[i]]);
    return fresh;
  };
}

function copy(value) {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  const fresh = { ...value };
  for (const name of Object.keys(fresh)) {
    if (typeof fresh[name] !== 'object' || fresh[name] === null) continue;
    Object.defineProperty(fresh, name, {
      value: copy(Object.getOwnPropertyDescriptor(value, name).value),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return fresh;
}

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
    if (claims !== undefined) this.#places[place] = { slot, copy: copier(claims) };
    return claims === undefined ? undefined : this.#places[place].copy();
  }
}

module.exports = { Slots, copier };
