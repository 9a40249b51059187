'use strict';

/**
 * JSON text for the engine. Two things that `JSON.stringify` does are undone: a `toJSON` that was put on the root of all
 * objects decides nothing, and a number that JSON cannot write is not taken for `null`, which means absent.
 */

const { isArray } = Array;
const { create, defineProperty, hasOwn, keys } = Object;

/**
 * The text of a value, or `undefined` for what JSON leaves out.
 *
 * @param replacer As that of `JSON.stringify`.
 * @throws TypeError The value has no text: it holds itself, or a bigint.
 */
function textOf(value, replacer = undefined) {
  return JSON.stringify(isPolluted() ? shielded(value) : value, replacer);
}

/**
 * The text of claims that somebody else's code returned, member by member; a member without a text becomes `false`,
 * which no rule takes for absent. `undefined` for what is no object.
 */
function textOfMembers(object) {
  const members = keys(object).map((name) => {
    const text = attempt(() => textOf(object[name], withoutNull), 'false');
    return text === undefined ? '' : `${JSON.stringify(name)}:${text}`;
  });
  return `{${members.filter((member) => member !== '').join(',')}}`;
}

function attempt(work, otherwise) {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

/** A number that is not finite as text, which no rule takes for a number, or for absent. */
function withoutNull(_, value) {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function isPolluted() {
  return Object.prototype.toJSON !== undefined || Array.prototype.toJSON !== undefined;
}

/** A copy on which `toJSON` is nobody's but the object's own or its class's. */
function shielded(value) {
  const object = hasOwnToJson(value) ? value.toJSON() : value;
  if (typeof object !== 'object' || object === null) return object;
  if (isArray(object)) {
    const list = Array.from(object, shielded);
    return defineProperty(list, 'toJSON', { __proto__: null, value: undefined });
  }
  const copy = create(null);
  for (const name of keys(object)) copy[name] = shielded(object[name]);
  return copy;
}

function hasOwnToJson(value) {
  if (typeof value !== 'object' || value === null) return false;
  const found = value.toJSON;
  const isInherited = found === Object.prototype.toJSON || found === Array.prototype.toJSON;
  return typeof found === 'function' && (!isInherited || hasOwn(value, 'toJSON'));
}

module.exports = { textOf, textOfMembers };
