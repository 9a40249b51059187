'use strict';

/** The caller's time for the rules: `Date.now()`, so that fake timers work. */

/**
 * Seconds since 1970-01-01T00:00:00Z. `NaN` where `Date.now` was replaced by something that gives no number: the engine
 * decides nothing by it.
 */
function dateNow() {
  try {
    const milliseconds = Date.now();
    return typeof milliseconds === 'number' ? milliseconds / 1000 : NaN;
  } catch {
    return NaN;
  }
}

module.exports = { dateNow };
