'use strict';

/**
 * Wraps every function of the add-on. If an internal error (a Rust panic) occurs in it, the wrapper throws `internal`
 * instead. The panic's own message is dropped, because it may contain arguments such as a token.
 */

const native = require('./load.js');
const { FAILURES } = require('../errors/errors.js');

/** N-API's error code for a caught panic. Errors about options and arguments have other codes. */
const PANIC = 'GenericFailure';

function guarded(entry) {
  return function guardedEntry(...args) {
    try {
      return Reflect.apply(entry, this, args);
    } catch (error) {
      throw publicError(error);
    }
  };
}

function guardedClass(Class) {
  class Guarded extends Class {}
  for (const name of Object.getOwnPropertyNames(Class.prototype)) {
    if (name !== 'constructor') Guarded.prototype[name] = guarded(Class.prototype[name]);
  }
  // The handler has no prototype: a polluted one would add traps to it.
  return new Proxy(Guarded, { __proto__: null, construct: guarded(Reflect.construct) });
}

/** Returns the error to throw for an error of the add-on. */
function publicError(error) {
  return error?.code === PANIC ? FAILURES.internal.toError() : error;
}

const isClass = (entry) => Object.getOwnPropertyNames(entry.prototype ?? {}).length > 1;

module.exports = Object.fromEntries(
  Object.entries(native)
    .filter(([, entry]) => typeof entry === 'function')
    .map(([name, entry]) => [name, isClass(entry) ? guardedClass(entry) : guarded(entry)]),
);
