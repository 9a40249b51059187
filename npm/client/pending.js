'use strict';

/**
 * Whether a value is still on its way.
 *
 * Asked by its `then`, never by `instanceof Promise`: an application may replace the global `Promise`, and Jest gives
 * each test file another one. A promise that is not seen as one would be taken for claims.
 */
function isPending(value) {
  return typeof value === 'object' && value !== null && typeof value.then === 'function';
}

module.exports = { isPending };
