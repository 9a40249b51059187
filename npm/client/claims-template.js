'use strict';

/**
 * Claims that the engine gave as what stands in the blanks of a form: the form's claims, copied, and filled in. Cheaper
 * than parsing them, for of one issuer's claims few members differ.
 *
 * What is read here is written by `Filled::to_text` in `src/engine/token/claims_template.rs`.
 */

const { copy, copyPlanOf } = require('./claims.js');

/** ClaimsTemplates that are kept: as many as the engine has. */
const MOST = 4;

class ClaimsTemplates {
  #known = new Map();

  /** Whether a text of the engine is a filled-in form, not claims. */
  static isForm(text) {
    return text.charCodeAt(0) === 0;
  }

  /** The claims. @param describe Gives a form by its number, the first time; without it there are no claims. */
  claims(text, describe) {
    const number = numberAt(text, 1, 3);
    const form = this.#known.get(number) ?? this.#learn(number, describe(number));
    return form && fill(form, text);
  }

  #learn(number, description) {
    if (description === null) return undefined;
    const { claims, blanks } = JSON.parse(description);
    const form = { claims, plan: copyPlanOf(claims), blanks };
    this.#known.set(number, form);
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value);
    return form;
  }
}

function fill({ claims, plan, blanks }, text) {
  const filled = copy(claims, plan);
  let at = 4;
  for (let i = 0; i < blanks.length; i += 1) {
    // Each name is a member already, so assigning to it sets that member, `__proto__` too.
    const { name, isText } = blanks[i];
    if (isText) {
      const start = at + 2;
      at = start + numberAt(text, at, 2);
      filled[name] = text.slice(start, at);
    } else {
      filled[name] = numberAt(text, at, 6);
      at += 6;
    }
  }
  return filled;
}

function numberAt(text, start, width) {
  let number = 0;
  for (let at = start; at < start + width; at += 1) number = number * 128 + text.charCodeAt(at);
  return number;
}

module.exports = { ClaimsTemplates };
