'use strict';

/** The engine's option table, with a flag for each option. */

const { NAMES } = require('../native/constants.js');
const native = require('../native/load.js');

const PREFIX = NAMES.variablePrefix;

/** The options that every client needs. */
const REQUIRED = ['tenantDomain', 'audience'];

/** Rows of `{ name, variable, kind, flag }`: first the required options, then the others by name. */
const OPTIONS = native
  .options()
  .map((row) => ({ ...row, flag: row.variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-') }))
  .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));

/** @param {{ name: string }} option */
function rank({ name }) {
  const place = REQUIRED.indexOf(name);
  return place === -1 ? REQUIRED.length : place;
}

/**
 * The default of an option, as the documents show it.
 *
 * @param {string} name
 */
function defaultOf(name) {
  return OPTIONS.find((row) => row.name === name)?.default;
}

module.exports = { OPTIONS, PREFIX, defaultOf };
