'use strict';

/** What can be read from a caught value? Errors of this package and of Node have more members than `Error`. */

/**
 * @typedef {object} Members
 * @property {string} [code]
 * @property {string} [reason]
 * @property {number} [status]
 * @property {MonoCloudRawResponse} [raw]
 */
/** @typedef {Error & Members} Thrown */

/**
 * @import { MonoCloudRawResponse } from '../types/errors.js'
 */

/**
 * @param {unknown} value
 * @returns {Thrown}
 */
function thrown(value) {
  return value instanceof Error ? value : new Error(String(value));
}

module.exports = { thrown };
