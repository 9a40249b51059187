'use strict';

/**
 * Keeps parsed claims and returns a fresh copy to each call. A copy is much cheaper than parsing again, and callers share
 * no objects.
 *
 * A member named `__proto__` stays an ordinary member. A spread copies an object without running setters, and
 * `defineProperty` sets a nested value under that name.
 */

const { LIMITS } = require('../native/constants.js');

/**
 * How to copy a value that came from `JSON.parse`: which members are nested, and how to copy each of them. Most claims of
 * one issuer have the same structure, so they share a plan.
 */
class CopyPlan {
  /** @param each The plan for every element of an array, if all elements have the same structure. */
  constructor(isArray, names, parts, signature, each) {
    this.isArray = isArray;
    this.isFlat = names.length === 0 && each === undefined;
    this.names = names;
    this.parts = parts;
    this.signature = signature;
    this.each = each;
    this.hasProto = !isArray && names.includes('__proto__');
    // Most claims have these two nested members. Assigning to a fixed name is several times as fast as to a variable one.
    this.aud = undefined;
    this.groups = undefined;
    this.others = [];
    if (!isArray) names.forEach((name, i) => this.#place(name, parts[i]));
  }

  #place(name, part) {
    if (name === 'aud' || name === 'groups') this[name] = part;
    else this.others.push({ name, part });
  }
}

/** Stands for a plan that would be too large, or one too many. */
const NO_PLAN = new CopyPlan(false, [], [], '!', undefined);
NO_PLAN.isFlat = false;

/** All plans by their signature. Together they take a few megabytes at most. */
const COPY_PLANS = new Map();
const MAX_COPY_PLANS = 1000;
/** The longest signature of a plan, in characters. */
const MAX_SIGNATURE = 2048;

function copyPlanOf(value) {
  const isArray = Array.isArray(value);
  const keys = isArray ? [...value.keys()] : Object.keys(value);
  const names = keys.filter((name) => isNested(value[name]));
  const parts = names.map((name) => copyPlanOf(value[name]));
  const isUniform =
    isArray && parts.length > 1 && parts.length === value.length && parts.every((part) => part === parts[0]);
  if (isUniform) return sharedPlan(`${isArray}*${parts[0].signature};`, [], [], parts[0]);
  if (names.length > MAX_SIGNATURE) return NO_PLAN;
  const signature = `${isArray}${names.map((name, i) => JSON.stringify(name) + parts[i].signature)};`;
  return sharedPlan(signature, names, parts);
}

function sharedPlan(signature, names, parts, each) {
  const known = COPY_PLANS.get(signature);
  if (known !== undefined) return known;
  if (signature.length > MAX_SIGNATURE || COPY_PLANS.size >= MAX_COPY_PLANS) return NO_PLAN;
  const plan = new CopyPlan(signature.startsWith('true'), names, parts, signature, each);
  COPY_PLANS.set(signature, plan);
  return plan;
}

function copy(value, plan) {
  if (plan === NO_PLAN) return copyWithoutPlan(value);
  return plan.isArray ? copyArray(value, plan) : copyObject(value, plan);
}

function copyWithoutPlan(value) {
  if (Array.isArray(value)) return value.map((item) => (isNested(item) ? copyWithoutPlan(item) : item));
  const names = Object.keys(value).filter((name) => isNested(value[name]));
  return withNested({ ...value }, value, { names, parts: names.map(() => NO_PLAN) });
}

function copyArray(value, { isFlat, each, names, parts }) {
  const fresh = value.slice();
  if (isFlat) return fresh;
  if (each !== undefined) {
    const isPlain = each.isFlat && !each.isArray;
    // This spread sees only elements of arrays, mostly groups. V8 optimizes it separately.
    for (let i = 0; i < fresh.length; i += 1) fresh[i] = isPlain ? { ...value[i] } : copy(value[i], each);
    return fresh;
  }
  for (let i = 0; i < names.length; i += 1) {
    const at = names[i];
    const part = parts[i];
    fresh[at] = part.isFlat && !part.isArray ? { ...value[at] } : copy(value[at], part);
  }
  return fresh;
}

function copyObject(value, plan) {
  const fresh = { ...value };
  if (plan.isFlat) return fresh;
  if (plan.hasProto) return withNested(fresh, value, plan);
  const { aud, groups, others } = plan;
  if (aud !== undefined) fresh.aud = copy(value.aud, aud);
  if (groups !== undefined) fresh.groups = copy(value.groups, groups);
  for (let i = 0; i < others.length; i += 1) {
    const { name, part } = others[i];
    fresh[name] = copy(value[name], part);
  }
  return fresh;
}

/** Copies nested members with `defineProperty`. An assignment to `__proto__` would set the prototype. */
function withNested(fresh, value, { names, parts }) {
  for (let i = 0; i < names.length; i += 1) {
    const nested = copy(value[names[i]], parts[i]);
    Object.defineProperty(fresh, names[i], {
      __proto__: null,
      value: nested,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return fresh;
}

/**
 * Whether `JSON.stringify` would write `value` as it would write `known`, which came from `JSON.parse`. False is always a
 * safe result. Each member of `value` is read once, and callers use `known` afterwards.
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

/** A slot number modulo this is its place. */
const PLACES = LIMITS.slotPlaces;

/**
 * Parsed claims by slot number. The engine gives each token its own slot number, and reuses places for new tokens. So
 * equal slot numbers mean the same token.
 *
 * The engine limits how many slots there are. Adding claims here drops those of the slots that it has released.
 */
class Slots {
  #places = [];
  #lastAdded = {};
  #released;

  /** @param released Returns the slots that were released since its last call, or nothing. */
  constructor(released) {
    this.#released = released;
  }

  /**
   * Returns a fresh copy of the claims of a slot.
   *
   * @param read Returns the parsed claims as `{ claims, entry }`. It is called once per slot. The function `entry` builds
   *   the cache entry from the claims, for `sameClaims` to compare.
   */
  claims(slot, read) {
    const place = slot % PLACES;
    const known = this.#places[place];
    if (known !== undefined && known.slot === slot) return copy(known.claims, known.plan);
    const found = read();
    if (found === undefined) return undefined;
    this.#dropReleased();
    const plan = copyPlanOf(found.claims);
    const claims = withSharedMembers(found.claims, this.#lastAdded);
    this.#places[place] = { slot, claims, plan, entry: found.entry?.(claims) };
    this.#lastAdded = claims;
    return copy(claims, plan);
  }

  /** Returns a fresh copy of the claims of a slot, if `entry` equals the entry that they came from. */
  sameClaims(slot, entry) {
    const known = this.#places[slot % PLACES];
    const isKnown = known !== undefined && known.slot === slot && isSame(known.entry, entry);
    return isKnown ? copy(known.claims, known.plan) : undefined;
  }

  #dropReleased() {
    for (const slot of this.#released() ?? []) {
      const place = slot % PLACES;
      if (this.#places[place]?.slot === slot) this.#places[place] = undefined;
    }
  }
}

/** Saves memory: equal members of two claims sets, such as issuer and audience, become one value. */
function withSharedMembers(claims, others) {
  for (const name of Object.keys(claims)) {
    if (Object.hasOwn(others, name) && isSame(others[name], claims[name])) claims[name] = others[name];
  }
  return claims;
}

module.exports = { Slots, copy, copyPlanOf };
