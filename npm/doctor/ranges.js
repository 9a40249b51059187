'use strict';

/**
 * Is a number sensible? The engine accepts numbers outside these ranges, so they cause a warning. Most of these mistakes
 * are milliseconds in an option that takes seconds.
 */

/** @import { Range } from './facts.js' */

const { span } = require('../explain/moment.js');
const { defaultOf } = require('./options.js');

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * By option: the sensible range in the unit of the option, and what happens outside it.
 *
 * @type {Record<string, Range>}
 */
const RANGES = {
  clockSkew: {
    most: 10 * MINUTE,
    high: 'exp and nbf are compared with a clock that is moved by that much',
    fix: "Synchronize this machine's clock with NTP and unset the variable.",
  },
  clockTolerance: {
    most: 10 * MINUTE,
    high: 'an expired token is accepted for that long',
    fix: 'Use 300 or less.',
  },
  introspectionCacheDuration: {
    most: HOUR,
    high: 'a revoked token is accepted for up to that long',
    fix: 'Use 300 or less.',
  },
  jwksCacheDuration: {
    least: 30,
    low: 'the keys are fetched again after that time',
    most: DAY,
    high: 'a withdrawn key is accepted for up to that long',
    fix: `Use a value between 30 and 86400. The default is ${defaultOf('jwksCacheDuration')}.`,
  },
  jwksMaxStale: {
    most: 7 * DAY,
    high: 'while the authorization server is unreachable, a withdrawn key is accepted for that long',
    fix: `Use 604800 or less. The default is ${defaultOf('jwksMaxStale')}.`,
  },
  metadataCacheDuration: {
    least: 30,
    low: 'the metadata is fetched again after that time',
    most: DAY,
    high: 'a moved endpoint is used for up to that long',
    fix: `Use a value between 30 and 86400. The default is ${defaultOf('metadataCacheDuration')}.`,
  },
  responseTimeout: {
    milliseconds: true,
    most: 30_000,
    high: 'a request to your API may wait that long for the authorization server',
    fix: `Use a value between 1000 and 30000. The default is ${defaultOf('responseTimeout')}.`,
  },
};

/**
 * The warning as `{ message, fix }`. `undefined` for a sensible value.
 *
 * @param {string} name
 * @param {string} value
 */
function outOfRange(name, value) {
  const range = Object.hasOwn(RANGES, name) ? RANGES[name] : undefined;
  const number = Number(value);
  if (!range || Number.isNaN(number)) return undefined;
  const { least = 0, most, low, high, milliseconds, fix } = range;
  if (number >= least && number <= most) return undefined;
  const unit = milliseconds ? 'milliseconds' : 'seconds';
  const message = `${number} ${unit} (${span(milliseconds ? number / 1000 : number)}): ${number < least ? low : high}`;
  return { message, fix: `${fix} The value is in ${unit}.` };
}

module.exports = { RANGES, outOfRange };
