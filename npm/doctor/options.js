'use strict';

/** The engine's table of options, with the flag of each. */

const native = require('../native/load.js');

const PREFIX = 'MONOCLOUD_BACKEND_';

/** What there is no client without. */
const REQUIRED = ['tenantDomain', 'audience'];

/** Rows of `{ name, variable, kind, flag }`: the required ones, then by name. */
const OPTIONS = native
  .options()
  .map((row) => ({ ...row, flag: row.variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-') }))
  .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));

function rank({ name }) {
  const place = REQUIRED.indexOf(name);
  return place === -1 ? REQUIRED.length : place;
}

module.exports = { OPTIONS, PREFIX };
