'use strict';

/** Returns the time for the validation rules. It is `Date.now()`, so that fake timers work. */

/**
 * Seconds since 1970-01-01T00:00:00Z. `NaN` if a replaced `Date.now` throws or returns no number. The engine accepts no
 * token at `NaN`.
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
