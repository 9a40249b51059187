'use strict';

/**
 * Which values must claims have on a route or for a call? Copies the rules into JSON text for the engine, which checks and
 * applies them. Here only what JSON cannot express is rejected.
 */

const native = require('../native/panic-guard.js');
const { invalid, isPlain } = require('./arguments.js');
const { textOf } = require('./json.js');
const { LONE_SURROGATE, itemsOf } = require('./lists.js');

const KINDS = ['in', 'contains'];

/** A value that is no rule. */
class NoRule extends Error {}

/**
 * Returns the JSON text of the rules.
 *
 * @param {string} where
 * @param {unknown} given
 * @returns {string}
 * @throws MonoCloudValidationError The rules are malformed. The message says how.
 */
function readClaimRules(where, given) {
  const text = textOfRules(given);
  if (text === undefined) {
    throw invalid(
      `${where}: claims must be an object with a rule for each claim: a string, a finite number, a boolean, null, ` +
        '{ in: [...] } or { contains: ... }',
    );
  }
  const problem = native.claimRulesProblem(text);
  if (problem !== null) throw invalid(`${where}: claims ${problem}`);
  return text;
}

/**
 * @param {unknown} given
 * @returns {string | undefined}
 */
function textOfRules(given) {
  try {
    if (!isPlain(given)) return undefined;
    /** @type {Record<string, unknown>} */
    const rules = Object.create(null);
    // A rule that is `undefined` is rejected. Else a misspelled variable would turn the rule off.
    for (const name of Object.getOwnPropertyNames(given)) rules[textIn(name)] = ruleOf(given[name]);
    return textOf(rules);
  } catch {
    // No rule, or a getter or a proxy threw.
    return undefined;
  }
}

/** @param {unknown} rule */
function ruleOf(rule) {
  if (!isPlain(rule)) return valueIn(rule);
  /** @type {Record<string, unknown>} */
  const copy = Object.create(null);
  for (const kind of Object.getOwnPropertyNames(rule)) {
    if (!KINDS.includes(kind)) throw new NoRule();
    const given = rule[kind];
    copy[kind] = Array.isArray(given) ? itemsOf(given).map(valueIn) : valueIn(given);
  }
  return copy;
}

/**
 * A value that JSON can express, and that is no object.
 *
 * @param {unknown} value
 */
function valueIn(value) {
  if (typeof value === 'string') return textIn(value);
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return value;
  throw new NoRule();
}

/** @param {string} text */
function textIn(text) {
  if (LONE_SURROGATE.test(text)) throw new NoRule();
  return text;
}

module.exports = { readClaimRules };
