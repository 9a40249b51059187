'use strict';

/** Waits for a user's code that answers with a promise, but not forever. */

// Read before a test installs fake timers.
const { clearTimeout, setImmediate, setTimeout } = globalThis;

/**
 * Settles as `pending` does, or rejects after the time limit. A response that is there needs no timer.
 *
 * Responses that arrived while the event loop was blocked are handled before the timeout.
 *
 * @template T
 * @param {T | PromiseLike<T>} pending
 * @param {number} limitMs
 * @returns {Promise<T>}
 */
async function inTime(pending, limitMs) {
  const response = Promise.resolve(pending);
  let isSettled = false;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const settle = () => {
    isSettled = true;
    clearTimeout(timer);
  };
  response.then(settle, settle);
  await undefined;
  if (isSettled) return response;
  return new Promise((resolve, reject) => {
    response.then(resolve, reject);
    timer = setTimeout(() => setImmediate(() => reject(new Error('took too long'))), limitMs);
  });
}

module.exports = { inTime };
