'use strict';

/**
 * What must a token satisfy for this route or this call? Reads and checks the options once, and creates the engine's
 * policy from them. The route or the caller holds the policy.
 */

const { checkNames, invalid, readOwn } = require('./arguments.js');

const { getPrototypeOf, hasOwn } = Object;

/** The client keeps at most this many policies for later calls with the same options. */
const MAX_CALL_POLICIES = 1000;
/** The policy of a call is not kept if its key is longer, in characters. */
const MAX_KEY_LENGTH = 4096;
/** One route or call may require at most this many scopes, and as many groups. */
const MAX_LISTED = 1000;
/** The values of `acr` stand in a response header, so they are fewer and shorter. */
const MAX_ACR = 20;
const MAX_ACR_LENGTH = 256;
/** One year, in seconds. The engine has the same limit. */
const MAX_AGE_LIMIT = 31_536_000;

/** The values of both binding options. `true` means `required`, and `false` means `dangerously_ignore`. */
const BINDINGS = ['when_present', 'required', 'dangerously_ignore'];

const ROUTE_OPTIONS = ['scopes', 'groups', 'acr', 'maxAge', 'validateCertificateBinding', 'validateDPoPBinding'];
const CALL_OPTIONS = [...ROUTE_OPTIONS, 'clientCertificate', 'scheme', 'dpop'];
const JWT_CALL_OPTIONS = [...CALL_OPTIONS, 'jwks'];

/** UTF-8 cannot encode half of a surrogate pair, so the engine would receive a different string. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** RFC 9470 §3: spaces separate the values of `acr_values`. No other character of a value needs an escape in a header. */
const ACR = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * The requirements of one route or call, for one client. It stays valid as long as somebody holds it. The engine's
 * objects and functions for it are created on first use, because JWTs and opaque tokens need different ones.
 */
class Policy {
  binding;
  dpop;
  #native;
  #spec;
  #warm;
  #handle;
  #evaluateMemoryEntry;
  #evaluateEntry;

  constructor(native, spec) {
    this.#native = native;
    this.#spec = spec;
    this.binding = spec.binding;
    this.dpop = spec.dpopMode;
  }

  /** The function that validates a JWT: `(token, now, certificate?, proof?)`. */
  get warm() {
    return (this.#warm ??= this.#native.warm(this.#requirements));
  }

  /** The engine's object for this policy. */
  get handle() {
    return (this.#handle ??= this.#native.policy(this.#requirements));
  }

  /** What the engine reads. Every member is its own, so that no prototype is read. */
  get #requirements() {
    const { scopes, groups, binding, dpopMode, acr, maxAge } = this.#spec;
    return { scopes, groups, binding, dpop: dpopMode, acr: acr ?? [], maxAge };
  }

  /**
   * Returns the function that evaluates an entry of a user's cache: `(token, now, text?, certificate?, proof?)`. Without `text`,
   * it evaluates the entry that it evaluated last for the token.
   *
   * @param evaluated The engine's store of evaluated entries.
   */
  evaluateEntry(evaluated) {
    return (this.#evaluateEntry ??= this.#native.evaluateEntry(this.handle, evaluated));
  }

  /** Evaluates the entry of this client's `memoryCache()`. */
  evaluateMemoryEntry(token, { entries, scope }, now, possession) {
    this.#evaluateMemoryEntry ??= this.#native.warmCached(this.handle, entries, scope);
    return possession === undefined
      ? this.#evaluateMemoryEntry(token, now)
      : this.#evaluateMemoryEntry(token, now, possession.certificate, possession.proof);
  }
}

/** The options of a route or a call. */
class Spec {
  scopes;
  groups;
  /** A list that is not empty, or `undefined`. */
  acr;
  maxAge;
  /** The binding as the caller wrote it. */
  givenBinding;
  /** One of `BINDINGS`, or `undefined` for the client's own setting. */
  binding;
  /** The same two for DPoP. */
  givenDpop;
  dpopMode;
  certificate;
  /** The DPoP proof of a call: `{ given, method, url }`, or `undefined` for a bearer token. */
  proof;
  jwks;

  constructor(where, options) {
    this.scopes = readList(where, readOwn(where, options, 'scopes'), 'scopes');
    this.groups = readList(where, readOwn(where, options, 'groups'), 'groups');
    this.acr = readAcr(where, readOwn(where, options, 'acr'));
    this.maxAge = readMaxAge(where, readOwn(where, options, 'maxAge'));
    this.givenBinding = readOwn(where, options, 'validateCertificateBinding') ?? undefined;
    this.binding = readBinding(where, 'validateCertificateBinding', this.givenBinding);
    this.givenDpop = readOwn(where, options, 'validateDPoPBinding') ?? undefined;
    this.dpopMode = readBinding(where, 'validateDPoPBinding', this.givenDpop);
    this.certificate = readCertificate(where, readOwn(where, options, 'clientCertificate'));
    this.proof = readProof(where, readOwn(where, options, 'scheme'), readOwn(where, options, 'dpop'));
    this.jwks = readOwn(where, options, 'jwks') ?? undefined;
  }

  /** Whether the client's own settings apply alone. */
  get isEmpty() {
    const isWithoutLists = this.scopes.length === 0 && this.groups.length === 0 && this.acr === undefined;
    const areDefaults = this.binding === undefined && this.dpopMode === undefined;
    return isWithoutLists && this.maxAge === undefined && areDefaults;
  }

  /** Equal for equal policies only. Each item has its length before it, so that items cannot run into each other. */
  get key() {
    const { binding, dpopMode, maxAge, scopes, groups, acr } = this;
    return `${binding} ${dpopMode} ${maxAge}${lengthPrefixed(scopes)}${lengthPrefixed(groups)}${lengthPrefixed(acr ?? [])}`;
  }
}

/** Every member is its own, so that no prototype is read. */
const UNBOUND = {
  scopes: [],
  groups: [],
  acr: undefined,
  maxAge: undefined,
  binding: 'dangerously_ignore',
  dpopMode: 'dangerously_ignore',
};
const NO_REQUIREMENTS = new Spec('', Object.create(null));

/** Reads the options of a route. */
function routeSpec(options) {
  return readSpec('protect()', options, ROUTE_OPTIONS);
}

/** Reads the options of a call of `method`. */
function callSpec(method, options) {
  return readSpec(method, options, CALL_OPTIONS);
}

function jwtCallSpec(method, options) {
  return readSpec(method, options, JWT_CALL_OPTIONS);
}

function readSpec(where, options, known) {
  if (options === undefined || options === null) return NO_REQUIREMENTS;
  checkNames(where, options, known);
  return new Spec(where, options);
}

class Policies {
  #native;
  #unbound;
  /** Policies of calls by their key. The one used last is at the end. */
  #kept = new Map();

  constructor(native) {
    this.#native = native;
    /** The policy of a call without options. */
    this.none = this.route(NO_REQUIREMENTS);
  }

  /** Requires nothing, and ignores the certificate and the key that a token is bound to. */
  get unbound() {
    this.#unbound ??= new Policy(this.#native, UNBOUND);
    return this.#unbound;
  }

  /** Creates the policy of a route, together with its warm function. */
  route(spec) {
    const policy = new Policy(this.#native, spec);
    return policy.warm && policy;
  }

  /** Returns the policy of a call. Equal options share one. */
  call(spec) {
    if (spec.isEmpty) return this.none;
    const { key } = spec;
    const known = this.#kept.get(key);
    // The order of use matters only when the map is full.
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

/** Returns a copy, so that a later change of the caller's array has no effect. Reads each item once. */
function readList(where, list, name) {
  if (list === undefined || list === null) return [];
  try {
    if (Array.isArray(list) && list.length <= MAX_LISTED) {
      const items = itemsOf(list);
      if (areStrings(items)) return items;
    }
  } catch {
    // A getter or a proxy threw.
  }
  throw invalid(`${where}: ${name} must be an array of at most ${MAX_LISTED} strings`);
}

/** Reads the items by index. Rejects holes: a polluted `Array.prototype` would fill them. */
function itemsOf(list) {
  for (let i = 0; i < list.length; i += 1) if (!hasOwn(list, i)) return [undefined];
  const isOrdinary = getPrototypeOf(list) === Array.prototype && !hasOwn(list, Symbol.iterator);
  // A subclass may have an iterator that returns other items.
  return isOrdinary ? [...list] : Array.from({ __proto__: null, length: list.length }, (_, i) => list[i]);
}

function areStrings(items) {
  for (let i = 0; i < items.length; i += 1) {
    if (typeof items[i] !== 'string' || LONE_SURROGATE.test(items[i])) return false;
  }
  return true;
}

function readAcr(where, list) {
  if (list === undefined || list === null) return undefined;
  try {
    if (Array.isArray(list) && list.length > 0 && list.length <= MAX_ACR) {
      const items = itemsOf(list);
      if (areStrings(items) && areAcrValues(items)) return items;
    }
  } catch {
    // A getter or a proxy threw.
  }
  throw invalid(
    `${where}: acr must be an array of 1 to ${MAX_ACR} strings of printable ASCII without spaces, quotes and ` +
      `backslashes, each at most ${MAX_ACR_LENGTH} characters long`,
  );
}

function areAcrValues(items) {
  for (let i = 0; i < items.length; i += 1) {
    if (!ACR.test(items[i]) || items[i].length > MAX_ACR_LENGTH) return false;
  }
  return true;
}

function readMaxAge(where, value) {
  if (value === undefined || value === null) return undefined;
  if (Number.isInteger(value) && value >= 1 && value <= MAX_AGE_LIMIT) return value;
  throw invalid(`${where}: maxAge must be a whole number of seconds from 1 to ${MAX_AGE_LIMIT}`);
}

function readBinding(where, name, value) {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value ? 'required' : 'dangerously_ignore';
  if (BINDINGS.includes(value)) return value;
  throw invalid(`${where}: ${name} must be a boolean or one of ${BINDINGS.join(', ')}`);
}

function readCertificate(where, value) {
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw invalid(`${where}: clientCertificate must be a string`);
}

/** Few calls have a proof, so the package does not load this module at import. */
function readProof(where, scheme, dpop) {
  if ((scheme === undefined || scheme === null) && (dpop === undefined || dpop === null)) return undefined;
  return require('./call-proof.js').readCallProof(where, scheme ?? undefined, dpop ?? undefined);
}

function lengthPrefixed(list) {
  let text = ';';
  for (let i = 0; i < list.length; i += 1) text += `${list[i].length}:${list[i]}`;
  return text;
}

module.exports = { Policies, callSpec, jwtCallSpec, routeSpec };
