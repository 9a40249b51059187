'use strict';

/**
 * Wraps every function of the add-on. If an internal error (a Rust panic) occurs in it, the wrapper throws `internal`
 * instead. The panic's own message is dropped, because it may contain arguments such as a token.
 */

const native = require('./load.js');
const { FAILURES } = require('../errors/errors.js');

/** N-API's error code for a caught panic. Errors about options and arguments have other codes. */
const PANIC = 'GenericFailure';

/** @typedef {new (...args: any[]) => object} Class TypeScript extends only classes with such parameters. */

/** @param {Function} entry */
function guarded(entry) {
  /**
   * @this {unknown}
   * @param {unknown[]} args
   */
  return function guardedEntry(...args) {
    try {
      return Reflect.apply(entry, this, args);
    } catch (error) {
      throw publicError(error);
    }
  };
}

/** @param {Class} Class */
function guardedClass(Class) {
  class Guarded extends Class {}
  for (const name of Object.getOwnPropertyNames(Class.prototype)) {
    if (name !== 'constructor') Reflect.set(Guarded.prototype, name, guarded(Class.prototype[name]));
  }
  /**
   * @param {Class} target
   * @param {unknown[]} args
   * @param {Function} newTarget
   */
  const construct = (target, args, newTarget) => {
    try {
      // With a proxy as `new.target`, V8 would create a hidden class for each object.
      return Reflect.construct(target, args, newTarget === proxy ? target : newTarget);
    } catch (error) {
      throw publicError(error);
    }
  };
  // The handler has no prototype: a polluted one would add traps to it.
  /** @type {any} It stands for a class of the add-on, whatever its methods are. */
  const proxy = new Proxy(Guarded, { __proto__: null, construct });
  return proxy;
}

/**
 * Returns the error to throw for an error of the add-on.
 *
 * @param {unknown} error
 */
function publicError(error) {
  const isPanic = typeof error === 'object' && error !== null && 'code' in error && error.code === PANIC;
  return isPanic ? FAILURES.internal.toError() : error;
}

/**
 * @param {Function} entry
 * @returns {entry is Class}
 */
const isClass = (entry) => Object.getOwnPropertyNames(entry.prototype ?? {}).length > 1;

/** Each wrapper is called like the function or class that it wraps. */
module.exports = /** @type {typeof native} */ (
  Object.fromEntries(
    Object.entries(native)
      .filter(([, entry]) => typeof entry === 'function')
      .map(([name, entry]) => [name, isClass(entry) ? guardedClass(entry) : guarded(entry)]),
  )
);
