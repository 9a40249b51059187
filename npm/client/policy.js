'use strict';

/**
 * What a route or a call asks for: read once, checked, and handed to the engine as an object that whoever asks holds.
 */

const { checkNames, invalid, readOwn } = require('./arguments.js');

const { getPrototypeOf, hasOwn } = Object;

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

/**
 * What is asked for, for one client. Whoever holds it may use it, for as long as they hold it. What the engine has for
 * it is made when it is first needed: a JWT needs one thing, an opaque token another.
 */
class Policy {
  binding;
  #native;
  #spec;
  #warm;
  #handle;
  #recall;
  #judge;

  constructor(native, spec) {
    this.#native = native;
    this.#spec = spec;
    this.binding = spec.binding;
  }

  /** Decides on a JWT: `(token, now, certificate?)`. */
  get warm() {
    return (this.#warm ??= this.#native.warm(this.#spec.scopes, this.#spec.groups, this.binding));
  }

  /** The engine's object for this policy. */
  get handle() {
    return (this.#handle ??= this.#native.policy(this.#spec.scopes, this.#spec.groups, this.binding));
  }

  /** Decides on what an entry of a user's cache is worth: `(token, now, text?, certificate?)`. */
  judge(judged) {
    return (this.#judge ??= this.#native.judge(this.handle, judged));
  }

  /** The same for what the `memoryCache()` of this client has: `(token, now, certificate?)`. */
  recall(token, { entries, scope }, now, certificate) {
    this.#recall ??= this.#native.warmCached(this.handle, entries, scope);
    return certificate === undefined ? this.#recall(token, now) : this.#recall(token, now, certificate);
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
    this.scopes = readList(where, readOwn(where, options, 'scopes'), 'scopes');
    this.groups = readList(where, readOwn(where, options, 'groups'), 'groups');
    this.givenBinding = readOwn(where, options, 'validateCertificateBinding') ?? undefined;
    this.binding = readBinding(where, this.givenBinding);
    this.certificate = readCertificate(where, readOwn(where, options, 'clientCertificate'));
    this.jwks = readOwn(where, options, 'jwks') ?? undefined;
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
  checkNames(where, options, known);
  return new Spec(where, options);
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
    this.#unbound ??= new Policy(this.#native, { scopes: [], groups: [], binding: 'dangerously_ignore' });
    return this.#unbound;
  }

  /** A policy for a route, ready for its first request. */
  route(spec) {
    const policy = new Policy(this.#native, spec);
    return policy.warm && policy;
  }

  /** A policy for one call. */
  call(spec) {
    if (spec.isEmpty) return this.none;
    const { key } = spec;
    const known = this.#kept.get(key);
    // Only where one must give way does it matter which was used last.
    if (known !== undefined && this.#kept.size < MAX_CALL_POLICIES) return known;
    const policy = known ?? new Policy(this.#native, spec);
    this.#keep(key, policy);
    return policy;
  }

  #keep(key, policy) {
    if (key.length > MAX_KEY_LENGTH) return;
    this.#kept.delete(key);
    if (this.#kept.size >= MAX_CALL_POLICIES) this.#kept.delete(this.#kept.keys().next().value);
    this.#kept.set(key, policy);
  }
}

/** A copy: a caller that changes its array later changes no policy. Each item is read once. */
function readList(where, list, name) {
  if (list === undefined || list === null) return [];
  try {
    if (Array.isArray(list) && list.length <= MAX_LISTED) {
      const items = itemsOf(list);
      if (areWords(items)) return items;
    }
  } catch {
    // A getter or a proxy that throws.
  }
  throw invalid(`${where}: ${name} must be an array of at most ${MAX_LISTED} strings`);
}

/** The items by their index. A hole is no item, whatever the prototype of arrays has in its place. */
function itemsOf(list) {
  for (let i = 0; i < list.length; i += 1) if (!hasOwn(list, i)) return [undefined];
  const isOrdinary = getPrototypeOf(list) === Array.prototype && !hasOwn(list, Symbol.iterator);
  // A subclass may go through its items in another way.
  return isOrdinary ? [...list] : Array.from({ __proto__: null, length: list.length }, (_, i) => list[i]);
}

function areWords(items) {
  for (let i = 0; i < items.length; i += 1) {
    if (typeof items[i] !== 'string' || LONE_SURROGATE.test(items[i])) return false;
  }
  return true;
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
