'use strict';

/**
 * What a route or a call asks for: read once, checked, and handed to the engine as an object that whoever asks holds.
 */

const { checkedOptions, invalid } = require('./arguments.js');

/** Policies of calls that are kept for the next call that asks for the same. */
const MAX_CALL_POLICIES = 1000;
/** What a call asks for in more characters is not kept. */
const MAX_KEY_LENGTH = 4096;
/** The most scopes, and the most groups, that one route or call may ask for. */
const MAX_LISTED = 1000;

/** The words of the option `validateCertificateBinding`; `true` and `false` mean the last two. */
const BINDINGS = ['when_present', 'required', 'dangerously_ignore'];

const OF_ROUTE = ['scopes', 'groups', 'validateCertificateBinding'];
const OF_CALL = [...OF_ROUTE, 'clientCertificate'];
const OF_JWT_CALL = [...OF_CALL, 'jwks'];

/** One half of a pair is text that the engine could not be told exactly. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** What is asked for, for one client. Whoever holds it may use it, for as long as they hold it. */
class Policy {
  /** The engine's object. */
  handle;
  /** The engine's function for a JWT under this policy: `(token, now, certificate?)`. */
  warm;
  binding;

  constructor(native, { scopes, groups, binding }) {
    this.binding = binding;
    this.handle = native.policy(scopes, groups, binding);
    this.warm = native.warm(this.handle);
  }
}

/** The arguments of a call. */
class Spec {
  scopes;
  groups;
  /** As it was given. */
  givenBinding;
  /** One of `BINDINGS`; `undefined` for the client's own. */
  binding;
  certificate;
  jwks;

  constructor(where, options) {
    this.scopes = readList(where, options.scopes, 'scopes');
    this.groups = readList(where, options.groups, 'groups');
    this.givenBinding = options.validateCertificateBinding ?? undefined;
    this.binding = readBinding(where, this.givenBinding);
    this.certificate = readCertificate(where, options.clientCertificate);
    this.jwks = options.jwks ?? undefined;
  }

  /** Whether the client's own settings are all that is asked for. */
  get isEmpty() {
    return this.scopes.length === 0 && this.groups.length === 0 && this.binding === undefined;
  }

  /** The same text for the same policy, and only for it: each item stands behind its length. */
  get key() {
    return `${this.binding}${written(this.scopes)}${written(this.groups)}`;
  }
}

const NOTHING = new Spec('', Object.create(null));

/** The options of a route. */
function routeSpec(options) {
  return readSpec('protect()', options, OF_ROUTE);
}

/** The options of `method`. */
function callSpec(method, options) {
  return readSpec(method, options, OF_CALL);
}

function jwtCallSpec(method, options) {
  return readSpec(method, options, OF_JWT_CALL);
}

function readSpec(where, options, known) {
  if (options === undefined || options === null) return NOTHING;
  return new Spec(where, checkedOptions(where, options, known));
}

class Policies {
  #native;
  #unbound;
  /** The policies of calls, the one that was used last at the end. */
  #kept = new Map();

  constructor(native) {
    this.#native = native;
    /** What a call without options asks for. */
    this.none = this.route(NOTHING);
  }

  /** Asks for nothing, whatever a token is bound to. */
  get unbound() {
    this.#unbound ??= this.route({ scopes: [], groups: [], binding: 'dangerously_ignore' });
    return this.#unbound;
  }

  /** A policy for a route. */
  route(spec) {
    return new Policy(this.#native, spec);
  }

  /** A policy for one call. */
  call(spec) {
    if (spec.isEmpty) return this.none;
    const { key } = spec;
    const policy = this.#kept.get(key) ?? this.route(spec);
    this.#keep(key, policy);
    return policy;
  }

  #keep(key, policy) {
    if (key.length > MAX_KEY_LENGTH) return;
    this.#kept.delete(key);
    this.#kept.set(key, policy);
    if (this.#kept.size > MAX_CALL_POLICIES) this.#kept.delete(this.#kept.keys().next().value);
  }
}

/** A copy: a caller that changes its array later changes no policy. Each item is read once. */
function readList(where, list, name) {
  if (list === undefined || list === null) return [];
  try {
    if (Array.isArray(list) && list.length <= MAX_LISTED) {
      const items = Array.from({ __proto__: null, length: list.length }, (_, i) => itemOf(list, i));
      if (items.every((item) => typeof item === 'string' && !LONE_SURROGATE.test(item))) return items;
    }
  } catch {
    // A getter or a proxy that throws.
  }
  throw invalid(`${where}: ${name} must be an array of at most ${MAX_LISTED} strings`);
}

/** A hole is no item, whatever the prototype of arrays has in its place. */
function itemOf(list, index) {
  return Object.hasOwn(list, index) ? list[index] : undefined;
}

function readBinding(where, value) {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value ? 'required' : 'dangerously_ignore';
  if (BINDINGS.includes(value)) return value;
  throw invalid(`${where}: validateCertificateBinding must be a boolean or one of ${BINDINGS.join(', ')}`);
}

function readCertificate(where, value) {
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw invalid(`${where}: clientCertificate must be a string`);
}

function written(list) {
  let text = ';';
  for (let i = 0; i < list.length; i += 1) text += `${list[i].length}:${list[i]}`;
  return text;
}

module.exports = { Policies, callSpec, jwtCallSpec, routeSpec };
