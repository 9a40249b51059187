'use strict';

/** What is in an array that the caller passed? Reads each item once. */

const { getPrototypeOf, hasOwn } = Object;

/** UTF-8 cannot encode half of a surrogate pair, so the engine would receive a different string. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Reads the items by index. Rejects holes: a polluted `Array.prototype` would fill them.
 *
 * @param {unknown[]} list
 * @returns {unknown[]}
 */
function itemsOf(list) {
  for (let i = 0; i < list.length; i += 1) if (!hasOwn(list, i)) return [undefined];
  const isOrdinary = getPrototypeOf(list) === Array.prototype && !hasOwn(list, Symbol.iterator);
  // A subclass may have an iterator that returns other items.
  return isOrdinary
    ? [...list]
    : Array.from(/** @type {ArrayLike<unknown>} */ ({ __proto__: null, length: list.length }), (_, i) => list[i]);
}

/**
 * @param {unknown[]} items
 * @returns {items is string[]}
 */
function areStrings(items) {
  for (let i = 0; i < items.length; i += 1) {
    const item = items[i];
    if (typeof item !== 'string' || LONE_SURROGATE.test(item)) return false;
  }
  return true;
}

module.exports = { LONE_SURROGATE, areStrings, itemsOf };
