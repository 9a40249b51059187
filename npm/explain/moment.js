'use strict';

/** How is a time in a token or a proof shown? */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A NumericDate (RFC 7519 §2) as a date, and its distance from now.
 *
 * @param {unknown} value
 */
function moment(value) {
  if (value === undefined) return 'is absent';
  if (typeof value !== 'number') return `is ${JSON.stringify(value)}`;
  const date = new Date(value * 1000);
  if (Number.isNaN(date.getTime())) return `is ${JSON.stringify(value)}`;
  const seconds = Math.round(Math.abs(date.getTime() - Date.now()) / 1000);
  return `${date.toISOString()}, ${span(seconds)} ${date.getTime() > Date.now() ? 'from now' : 'ago'}`;
}

/**
 * A duration in the largest unit that fits.
 *
 * @param {number} seconds
 */
function span(seconds) {
  if (seconds < 2 * MINUTE) return `${seconds} s`;
  if (seconds < 2 * HOUR) return `${Math.round(seconds / MINUTE)} min`;
  return seconds < 2 * DAY ? `${Math.round(seconds / HOUR)} h` : `${Math.round(seconds / DAY)} days`;
}

module.exports = { moment, span };
