'use strict';

/**
 * The add-on, with one rule at its border: a panic that was caught in it is thrown as `internal`. What a panic says of
 * itself is for nobody, for it may quote what it was called with.
 */

const native = require('./load.js');
const { FAILURES } = require('../errors/errors.js');

/** The code of a caught panic. What an entry throws on purpose, about an option or an argument, has others. */
const PANIC = 'GenericFailure';

function guarded(entry) {
  return function guardedEntry(...words) {
    try {
      return Reflect.apply(entry, this, words);
    } catch (error) {
      throw borderError(error);
    }
  };
}

function guardedClass(Class) {
  class Guarded extends Class {}
  for (const name of Object.getOwnPropertyNames(Class.prototype)) {
    if (name !== 'constructor') Guarded.prototype[name] = guarded(Class.prototype[name]);
  }
  // Without a prototype: an inherited trap would be one of this handler's.
  return new Proxy(Guarded, { __proto__: null, construct: guarded(Reflect.construct) });
}

/** What is thrown instead of what an entry threw. */
function borderError(error) {
  return error?.code === PANIC ? FAILURES.internal.toError() : error;
}

const isClass = (entry) => Object.getOwnPropertyNames(entry.prototype ?? {}).length > 1;

module.exports = Object.fromEntries(
  Object.entries(native)
    .filter(([, entry]) => typeof entry === 'function')
    .map(([name, entry]) => [name, isClass(entry) ? guardedClass(entry) : guarded(entry)]),
);
