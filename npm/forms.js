'use strict';

/**
 * Claims that the engine gave as what stands in the blanks of a form: the form's claims, copied, and filled in. Cheaper
 * than parsing them, for of one issuer's claims few members differ.
 *
 * What is read here is written by `Filled::to_text` in `src/engine/forms.rs`.
 */

const { copy, recipeOf } = require('./copy.js');

/** Forms that are kept; the engine knows fewer. */
const MOST = 8;

class Forms {
  #known = new Map();
  #last;

  /** Whether a text of the engine is a filled-in form, not claims. */
  static isForm(text) {
    return text.charCodeAt(0) === 0;
  }

  /** The claims. @param describe Gives a form by its number, the first time; without it there are no claims. */
  claims(text, describe) {
    const number = numberAt(text, 1, 3);
    const form = this.#last?.number === number ? this.#last : this.#form(number, describe);
    return form && fill(form, text);
  }

  #form(number, describe) {
    const form = this.#known.get(number) ?? formOf(number, describe(number));
    if (form === undefined) return undefined;
    this.#known.set(number, form);
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value);
    this.#last = form;
    return form;
  }
}

function formOf(number, description) {
  if (description === null) return undefined;
  const { claims, blanks } = JSON.parse(description);
  return { number, claims, recipe: recipeOf(claims), blanks };
}

function fill({ claims, recipe, blanks }, text) {
  const filled = copy(claims, recipe);
  // Each name is a member already, so assigning to it sets that member, `__proto__` too.
  let at = 4;
  for (let i = 0; i < blanks.length; i += 1) {
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

module.exports = { Forms };
