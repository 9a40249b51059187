'use strict';

/**
 * Is a value a promise?
 *
 * Checks for a `then` method. `instanceof Promise` can be false for a promise: an application may replace the global
 * `Promise`, and Jest gives each test file its own. A promise that is not recognized would count as claims. `in` is no
 * check either, because a proxy may list no members.
 *
 * @template T
 * @param {T | Promise<T>} value
 * @returns {value is Promise<T>}
 */
function isPending(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (/** @type {{ then?: unknown }} */ (value).then) === 'function'
  );
}

module.exports = { isPending };
