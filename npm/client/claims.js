'use strict';

/**
 * Fresh copies of claims that were parsed once: much cheaper than parsing again, and nothing is shared between calls.
 *
 * A member named `__proto__` stays a member: objects are copied by spread, which defines properties and never runs a
 * setter, and nested values are put back with `defineProperty` under that one name.
 */

/**
 * How to copy a value that came from `JSON.parse`: which of its members are nested, and how to copy each. Claims of one
 * issuer are mostly built alike, so they share theirs.
 */
class CopyPlan {
  /** @param each How to copy every element of an array whose elements are all built alike. */
  constructor(isArray, names, parts, signature, each) {
    this.isArray = isArray;
    this.isFlat = names.length === 0 && each === undefined;
    this.names = names;
    this.parts = parts;
    this.signature = signature;
    this.each = each;
    this.hasProto = !isArray && names.includes('__proto__');
    // The two that are nested in most claims are put back by name: a store whose name varies is several times as slow.
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

/** For what is copied without a plan: its own would be too large, or there are too many already. */
const WITHOUT = new CopyPlan(false, [], [], '!', undefined);
WITHOUT.isFlat = false;

/** All recipes there are: together they take a few megabytes at most. */
const COPY_PLANS = new Map();
const MAX_COPY_PLANS = 1000;
/** In characters. */
const MAX_SIGNATURE = 2048;

function copyPlanOf(value) {
  const isArray = Array.isArray(value);
  const keys = isArray ? [...value.keys()] : Object.keys(value);
  const names = keys.filter((name) => isNested(value[name]));
  const parts = names.map((name) => copyPlanOf(value[name]));
  const isUniform = isArray && parts.length > 1 && parts.length === value.length && parts.every((part) => part === parts[0]);
  if (isUniform) return sharedRecipe(`${isArray}*${parts[0].signature};`, [], [], parts[0]);
  if (names.length > MAX_SIGNATURE) return WITHOUT;
  const signature = `${isArray}${names.map((name, i) => JSON.stringify(name) + parts[i].signature)};`;
  return sharedRecipe(signature, names, parts);
}

function sharedRecipe(signature, names, parts, each) {
  const known = COPY_PLANS.get(signature);
  if (known !== undefined) return known;
  if (signature.length > MAX_SIGNATURE || COPY_PLANS.size >= MAX_COPY_PLANS) return WITHOUT;
  const plan = new CopyPlan(signature.startsWith('true'), names, parts, signature, each);
  COPY_PLANS.set(signature, plan);
  return plan;
}

function copy(value, plan) {
  if (plan === WITHOUT) return copyWithout(value);
  return plan.isArray ? copyArray(value, plan) : copyObject(value, plan);
}

function copyWithout(value) {
  if (Array.isArray(value)) return value.map((item) => (isNested(item) ? copyWithout(item) : item));
  const names = Object.keys(value).filter((name) => isNested(value[name]));
  return withNested({ ...value }, value, { names, parts: names.map(() => WITHOUT) });
}

function copyArray(value, { isFlat, each, names, parts }) {
  const fresh = value.slice();
  if (isFlat) return fresh;
  if (each !== undefined) {
    const isPlain = each.isFlat && !each.isArray;
    // A spread of its own, which meets only what arrays hold: groups, mostly.
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

/** The same, for objects with a member that an assignment would take for something else. */
function withNested(fresh, value, { names, parts }) {
  for (let i = 0; i < names.length; i += 1) {
    const nested = copy(value[names[i]], parts[i]);
    Object.defineProperty(fresh, names[i], { __proto__: null, value: nested, configurable: true, enumerable: true, writable: true });
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
 * alone: it tells whether what is kept here is still meant. The engine bounds how much there is: whenever claims are
 * added here, those of the slots that it has released meanwhile are dropped.
 */
class Slots {
  #places = [];
  #last = {};
  #released;

  /** @param released Gives the slots that were released since its last call, or nothing. */
  constructor(released) {
    this.#released = released;
  }

  /**
   * A fresh copy of the claims of a slot.
   *
   * @param read Gives `{ claims, entry }`, parsed, the first time. `entry` is a function: what `sameClaims` compares
   *   with, made from the claims.
   */
  claims(slot, read) {
    const place = slot % PLACES;
    const known = this.#places[place];
    if (known !== undefined && known.slot === slot) return copy(known.claims, known.plan);
    const found = read();
    if (found === undefined) return undefined;
    this.#dropReleased();
    const plan = copyPlanOf(found.claims);
    const claims = sharing(found.claims, this.#last);
    this.#places[place] = { slot, claims, plan, entry: found.entry?.(claims) };
    this.#last = claims;
    return copy(claims, plan);
  }

  /** A fresh copy of the claims of a slot, if they are known and `entry` is the one that they came from. */
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

/** The claims, holding what equals that of others in common with them: issuer, audience, scope are mostly the same. */
function sharing(claims, others) {
  for (const name of Object.keys(claims)) {
    if (Object.hasOwn(others, name) && isSame(others[name], claims[name])) claims[name] = others[name];
  }
  return claims;
}

module.exports = { Slots, copy, copyPlanOf };
