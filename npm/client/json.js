'use strict';

/**
 * Writes JSON text for the engine. It differs from `JSON.stringify` in two ways. A `toJSON` on a polluted root prototype
 * has no effect. And in claims, a number that JSON cannot express does not become null, which would mean absent.
 */

/** @typedef {(this: unknown, name: string, value: unknown) => unknown} Replacer */

const { isArray } = Array;
const { create, defineProperty, entries, hasOwn, keys } = Object;

/**
 * Returns the JSON text of a value, or `undefined` for a value that JSON omits.
 *
 * @overload
 * @param {Record<string, unknown> | readonly unknown[]} value
 * @returns {string}
 */
/**
 * @overload
 * @param {unknown} value
 * @param {Replacer} [replacer] As for `JSON.stringify`.
 * @returns {string | undefined}
 */
/**
 * @param {unknown} value
 * @param {Replacer} [replacer]
 * @returns {string | undefined}
 * @throws TypeError The value is circular, or contains a bigint.
 */
function textOf(value, replacer = undefined) {
  return JSON.stringify(isPolluted() ? withoutPollution(value) : value, replacer);
}

/**
 * Returns the JSON text of claims that custom code returned. A member that JSON cannot express becomes `false`, which no
 * rule treats as absent.
 *
 * @param {Record<string, unknown>} object
 */
function textOfMembers(object) {
  const members = keys(object).map((name) => {
    const text = attempt(() => textOf(object[name], nonFiniteToString), 'false');
    return text === undefined ? '' : `${JSON.stringify(name)}:${text}`;
  });
  return `{${members.filter((member) => member !== '').join(',')}}`;
}

/**
 * @template T
 * @param {() => T} work
 * @param {T} otherwise
 */
function attempt(work, otherwise) {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

/**
 * Replaces a number that is not finite by a string, which no rule treats as a number or as absent.
 *
 * @param {string} _
 * @param {unknown} value
 */
function nonFiniteToString(_, value) {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function isPolluted() {
  return Object.prototype.toJSON !== undefined || Array.prototype.toJSON !== undefined;
}

/**
 * Returns a copy that ignores the `toJSON` of a root prototype, and applies that of the object or its class.
 *
 * @param {unknown} value
 * @returns {unknown}
 */
function withoutPollution(value) {
  const object = hasOwnToJson(value) ? value.toJSON() : value;
  if (typeof object !== 'object' || object === null) return object;
  if (isArray(object)) {
    const list = Array.from(object, withoutPollution);
    return defineProperty(list, 'toJSON', { __proto__: null, value: undefined });
  }
  /** @type {Record<string, unknown>} */
  const copy = create(null);
  for (const [name, member] of entries(object)) copy[name] = withoutPollution(member);
  return copy;
}

/**
 * @param {unknown} value
 * @returns {value is { toJSON(): unknown }}
 */
function hasOwnToJson(value) {
  if (typeof value !== 'object' || value === null) return false;
  const found = value.toJSON;
  const isInherited = found === Object.prototype.toJSON || found === Array.prototype.toJSON;
  return typeof found === 'function' && (!isInherited || hasOwn(value, 'toJSON'));
}

module.exports = { textOf, textOfMembers };
