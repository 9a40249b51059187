'use strict';

/**
 * Which labels does a series have? Only those with few values: the issuers of configured clients, reasons, kinds and
 * schemes. Nothing that a token says becomes a label.
 *
 * Other code can publish on the same channels, so every value is compared with the known ones.
 */

const { FAILURES } = require('../errors/errors.js');

/** The number of issuers that get their own series. An application with one client per tenant may have many. */
const MAX_ISSUERS = 100;
const OTHER = 'other';
const KINDS = ['jwt', 'opaque'];
const SCHEMES = ['bearer', 'dpop'];
/** The reasons, and that of a resolver of `protectApi`. */
const REASONS = new Set([...Object.keys(FAILURES), 'resolver_failed']);

/** @typedef {Record<string, string>} Series */
/** @typedef {Labels} LabelsType The class as a type, for other files. */

class Labels {
  /** @type {Set<string>} */
  #issuers = new Set();

  /**
   * @param {{ issuer?: unknown }} message
   * @returns {Series}
   */
  issuer({ issuer }) {
    if (typeof issuer !== 'string') return {};
    if (!this.#issuers.has(issuer)) {
      if (this.#issuers.size >= MAX_ISSUERS) return { issuer: OTHER };
      this.#issuers.add(issuer);
    }
    return { issuer };
  }

  /**
   * The labels of a decision.
   *
   * @param {{ issuer?: unknown, kind?: any, scheme?: any }} message
   * @returns {Series}
   */
  decision(message) {
    const { kind, scheme } = message;
    return {
      ...this.issuer(message),
      ...(KINDS.includes(kind) && { kind }),
      ...(SCHEMES.includes(scheme) && { scheme }),
    };
  }

  /** @param {any} reason */
  reason(reason) {
    return REASONS.has(reason) ? reason : OTHER;
  }
}

module.exports = { Labels };
