'use strict';

/** The engine's option table, with a flag for each option. */

const native = require('../native/load.js');

const PREFIX = 'MONOCLOUD_BACKEND_';

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

module.exports = { OPTIONS, PREFIX };
