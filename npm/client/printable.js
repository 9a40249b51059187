'use strict';

/**
 * How can text that anyone may have written be put into a log or an event? Cut to 200 characters, with every character
 * escaped that changes a line, a terminal or the direction of text.
 */

const MAX_PRINTABLE = 200;
/**
 * Control characters (also those of terminals), line and paragraph separators, marks of the text direction, invisible
 * characters, surrogates without a partner, and the backslash of the escapes.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\\]/u;
/** What stands for the rest of a text that was cut. */
const REST = '…';

/** @type {Record<string, string>} */
const SHORT = { __proto__: /** @type {any} */ (null), '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

/**
 * Returns the text with escapes, at most 200 characters long. A text that was cut ends with `…`.
 *
 * @param {string} text
 * @param {boolean} [isEscaped] Whether the text may have been escaped before. Then a backslash stays as it is.
 */
function printable(text, isEscaped = false) {
  let result = '';
  // A string is read by code points, so that no pair of surrogates is cut. The rest is never read.
  for (const character of text) {
    const shown = UNPRINTABLE.test(character) && !(isEscaped && character === '\\') ? escaped(character) : character;
    if (result.length + shown.length > MAX_PRINTABLE) return cut(result);
    result += shown;
  }
  return result;
}

/** @param {string} text */
function cut(text) {
  return text.length < MAX_PRINTABLE ? text + REST : [...text].slice(0, -1).join('') + REST;
}

/** @param {string} character */
function escaped(character) {
  const point = /** @type {number} */ (character.codePointAt(0));
  return (
    SHORT[character] ?? (point > 0xffff ? `\\u{${point.toString(16)}}` : `\\u${point.toString(16).padStart(4, '0')}`)
  );
}

module.exports = { printable };
