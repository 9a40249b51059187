'use strict';

/**
 * Subscribes to events, and lets nothing that a listener throws reach the application. An error in a subscriber of
 * `diagnostics_channel` becomes an uncaught exception, which ends the process.
 */

const { subscribe, unsubscribe } = require('node:diagnostics_channel');

const PREFIX = 'monocloud:backend:';

/**
 * @param {Record<string, (message: any) => void>} listeners By the name of the event.
 * @param {() => void} [ended] Called once, with the end of the subscriptions.
 * @returns {() => void} Ends the subscriptions. It never throws, and only the first call does something.
 */
function listening(listeners, ended = () => {}) {
  /** @type {Array<[string, (message: unknown) => void]>} */
  const subscriptions = Object.entries(listeners).map(([event, listener]) => [
    PREFIX + event,
    (message) => quietly(() => listener(message)),
  ]);
  for (const [channel, listener] of subscriptions) subscribe(channel, listener);
  let isEnded = false;
  return () => {
    if (isEnded) return;
    isEnded = true;
    for (const [channel, listener] of subscriptions) unsubscribe(channel, listener);
    quietly(ended);
  };
}

/**
 * Calls a function of a library. Ignores what it throws, and the rejection of a promise that it returns.
 *
 * @param {() => unknown} work
 */
function quietly(work) {
  try {
    const result = /** @type {any} */ (work());
    if (typeof result?.then === 'function') result.then(undefined, () => {});
  } catch {
    // Observability never breaks a request. Nobody is told, because the one who would be told has failed.
  }
}

module.exports = { listening, quietly };
