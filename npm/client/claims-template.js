'use strict';

/**
 * Builds claims from a claims template. Most claims sets of one issuer differ in a few members only. The engine sends a
 * template once, and then only the values of its blanks. Copying the template and filling its blanks is cheaper than
 * parsing JSON.
 *
 * `Filled::to_text` in `src/engine/token/claims_template.rs` writes the text that this module reads.
 */

/** @import { Claims, ClaimsTemplate, Json } from '../native/values.js' */

const { LIMITS } = require('../native/constants.js');
const { copy } = require('./claims.js');

class ClaimsTemplates {
  /** @type {Map<number, ClaimsTemplate>} */
  #templates = new Map();

  /**
   * Whether a text of the engine fills in a template. Otherwise it is the JSON of claims, which has no NUL.
   *
   * @param {string} text
   */
  static isFilledTemplate(text) {
    return text.charCodeAt(0) === 0;
  }

  /**
   * Returns the claims, or `undefined` if the template is unknown.
   *
   * @param {string} text
   * @param {(id: number) => Json<ClaimsTemplate> | null} describe Returns the JSON of a template by its id, or null if
   *   the engine no longer has it.
   * @returns {Claims | undefined}
   */
  claims(text, describe) {
    const id = numberAt(text, 1, 3);
    const template = this.#templates.get(id) ?? this.#add(id, describe(id));
    return template && fill(template, text);
  }

  /**
   * @param {number} id
   * @param {Json<ClaimsTemplate> | null} description
   */
  #add(id, description) {
    if (description === null) return undefined;
    const { claims, blanks } = JSON.parse(description);
    const template = { claims, blanks };
    this.#templates.set(id, template);
    const [oldest] = this.#templates.keys();
    if (this.#templates.size > LIMITS.claimsTemplates) this.#templates.delete(oldest);
    return template;
  }
}

/**
 * @param {ClaimsTemplate} template
 * @param {string} text
 */
function fill({ claims, blanks }, text) {
  const filled = copy(claims);
  let at = 4;
  for (let i = 0; i < blanks.length; i += 1) {
    // Every name is an own member already. So the assignment sets that member, also for `__proto__`.
    const { name, isText, isInCnf } = blanks[i];
    const holder = isInCnf ? filled.cnf : filled;
    if (isText) {
      const start = at + 2;
      at = start + numberAt(text, at, 2);
      holder[name] = text.slice(start, at);
    } else {
      holder[name] = numberAt(text, at, 6);
      at += 6;
    }
  }
  return filled;
}

/**
 * Reads a number in base 128: one character per digit, the highest digit first.
 *
 * @param {string} text
 * @param {number} start
 * @param {number} width
 */
function numberAt(text, start, width) {
  let number = 0;
  for (let at = start; at < start + width; at += 1) number = number * 128 + text.charCodeAt(at);
  return number;
}

module.exports = { ClaimsTemplates };
