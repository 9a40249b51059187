'use strict';

/**
 * What a call or a route asks for, kept in the engine under a number.
 *
 * Routes are few and stay. Calls may ask for anything (`groups: [team]`), so theirs are a bounded set: a number that
 * was dropped is never given again, and whoever still holds the spec gets a new one.
 */

const { MonoCloudValidationError } = require('./errors.js');

const MAX_CALL_POLICIES = 1000;

class Policies {
  #native;
  #numbers = new Map();

  constructor(native) {
    this.#native = native;
    /** What a call without options asks for. */
    this.none = this.route(undefined);
  }

  /** A policy that stays. */
  route(options) {
    const spec = readSpec(options);
    return { ...spec, number: this.#native.policy(spec.scopes, spec.groups, spec.binding) };
  }

  /** A policy for one call. */
  call(options) {
    return isPlain(options) ? this.none : readSpec(options);
  }

  numberOf(policy) {
    if (policy.number !== undefined) return policy.number;
    const key = JSON.stringify([policy.scopes, policy.groups, policy.binding]);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      if (this.#numbers.size >= MAX_CALL_POLICIES) this.#dropOldest();
      number = this.#native.policy(policy.scopes, policy.groups, policy.binding);
      this.#numbers.set(key, number);
    }
    return number;
  }

  #dropOldest() {
    const [key, number] = this.#numbers.entries().next().value;
    this.#numbers.delete(key);
    this.#native.dropPolicy(number);
  }
}

/** Asks for nothing of its own. */
function isPlain(options) {
  return (
    options === undefined ||
    options === null ||
    (options.scopes === undefined && options.groups === undefined && options.validateCertificateBinding === undefined)
  );
}

function readSpec(options) {
  return {
    scopes: readList(options?.scopes, 'scopes'),
    groups: readList(options?.groups, 'groups'),
    binding: readBinding(options?.validateCertificateBinding),
  };
}

/** A copy: a caller that changes its array later changes no policy. */
function readList(list, name) {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string')) {
    throw new MonoCloudValidationError(`${name} must be an array of strings`, undefined, 'argument_invalid');
  }
  return [...list];
}

function readBinding(flag) {
  if (flag === undefined || flag === null) return undefined;
  if (typeof flag !== 'boolean') {
    throw new MonoCloudValidationError('validateCertificateBinding must be a boolean', undefined, 'argument_invalid');
  }
  return flag ? 'required' : 'ignore';
}

module.exports = { Policies, readSpec };
