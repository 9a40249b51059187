'use strict';

/** The codes, limits and names that the engine defines: `Constants` in `src/addon/constants.rs`. */

const native = require('./load.js');

const { outcomes, limits, names } = native.constants();

module.exports = { OUTCOMES: Object.freeze(outcomes), LIMITS: Object.freeze(limits), NAMES: Object.freeze(names) };
