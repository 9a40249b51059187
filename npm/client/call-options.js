'use strict';

/**
 * What does a route or a call ask for? Reads the options of `protect()` and of the client's methods, and checks them.
 *
 * Each member is read once, and lists are copied. A later change of the caller's object has no effect.
 */

/**
 * @import { DPoPBindingValidation } from '../types/dpop.js'
 * @import { CertificateBindingValidation } from '../types/options.js'
 */
/** @typedef {Spec} SpecType The class as a type, for other files. */

const { checkNames, invalid, readOwn } = require('./arguments.js');

const { getPrototypeOf, hasOwn } = Object;

/** One route or call may require at most this many scopes, and as many groups. */
const MAX_LISTED = 1000;
/** The values of `acr` stand in a response header, so they are fewer and shorter. */
const MAX_ACR = 20;
const MAX_ACR_LENGTH = 256;
/** One year, in seconds. The engine has the same limit. */
const MAX_AGE_LIMIT = 31_536_000;

/** The values of both binding options. `true` means `required`, and `false` means `dangerously_ignore`. */
const BINDINGS = ['when_present', 'required', 'dangerously_ignore'];

const ROUTE_OPTIONS = [
  'scopes',
  'groups',
  'acr',
  'maxAge',
  'validateCertificateBinding',
  'validateDPoPBinding',
  'audience',
];
const CALL_OPTIONS = [...ROUTE_OPTIONS, 'clientCertificate', 'scheme', 'dpop'];
const JWT_CALL_OPTIONS = [...CALL_OPTIONS, 'jwks'];

/** UTF-8 cannot encode half of a surrogate pair, so the engine would receive a different string. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** RFC 9470 §3: spaces separate the values of `acr_values`. No other character of a value needs an escape in a header. */
const ACR = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** The options of a route or a call. */
class Spec {
  scopes;
  groups;
  /** A list that is not empty, or `undefined`. */
  acr;
  maxAge;
  /** The binding as the caller wrote it. */
  givenBinding;
  /**
   * One of `BINDINGS`, or `undefined` for the client's own setting.
   *
   * @type {CertificateBindingValidation | undefined}
   */
  binding;
  /** The same two for DPoP. */
  givenDpop;
  /** @type {DPoPBindingValidation | undefined} */
  dpopMode;
  /** A list that is not empty, or `undefined` for all audiences of the client. */
  audience;
  certificate;
  /** The DPoP proof of a call: `{ given, method, url }`, or `undefined` for a bearer token. */
  proof;
  jwks;

  /**
   * @param {string} where
   * @param {any} options Its names are checked. Here its values are checked.
   */
  constructor(where, options) {
    this.scopes = readList(where, readOwn(where, options, 'scopes'), 'scopes');
    this.groups = readList(where, readOwn(where, options, 'groups'), 'groups');
    this.acr = readAcr(where, readOwn(where, options, 'acr'));
    this.maxAge = readMaxAge(where, readOwn(where, options, 'maxAge'));
    this.givenBinding = readOwn(where, options, 'validateCertificateBinding') ?? undefined;
    this.binding = readBinding(where, 'validateCertificateBinding', this.givenBinding);
    this.givenDpop = readOwn(where, options, 'validateDPoPBinding') ?? undefined;
    this.dpopMode = readBinding(where, 'validateDPoPBinding', this.givenDpop);
    this.audience = readAudience(where, readOwn(where, options, 'audience'));
    this.certificate = readCertificate(where, readOwn(where, options, 'clientCertificate'));
    this.proof = readProof(where, readOwn(where, options, 'scheme'), readOwn(where, options, 'dpop'));
    this.jwks = readOwn(where, options, 'jwks') ?? undefined;
  }

  /** Whether the client's own settings apply alone. */
  get isEmpty() {
    const isWithoutLists = this.scopes.length === 0 && this.groups.length === 0 && this.acr === undefined;
    const areDefaults = this.binding === undefined && this.dpopMode === undefined;
    return isWithoutLists && this.maxAge === undefined && areDefaults && this.audience === undefined;
  }

  /** Equal for equal policies only. Each item has its length before it, so that items cannot run into each other. */
  get key() {
    const { binding, dpopMode, maxAge, scopes, groups, acr, audience } = this;
    const modes = `${binding} ${dpopMode} ${maxAge}`;
    const lists = lengthPrefixed(scopes) + lengthPrefixed(groups) + lengthPrefixed(acr ?? []);
    return modes + lists + lengthPrefixed(audience ?? []);
  }
}

/** The options of a call without options. */
const NO_REQUIREMENTS = new Spec('', Object.create(null));

/**
 * Reads the options of a route.
 *
 * @param {unknown} options
 */
function routeSpec(options) {
  return readSpec('protect()', options, ROUTE_OPTIONS);
}

/**
 * Reads the options of a call of `method`.
 *
 * @param {string} method
 * @param {unknown} options
 */
function callSpec(method, options) {
  return readSpec(method, options, CALL_OPTIONS);
}

/**
 * @param {string} method
 * @param {unknown} options
 */
function jwtCallSpec(method, options) {
  return readSpec(method, options, JWT_CALL_OPTIONS);
}

/**
 * @param {string} where
 * @param {unknown} options
 * @param {readonly string[]} known
 */
function readSpec(where, options, known) {
  if (options === undefined || options === null) return NO_REQUIREMENTS;
  checkNames(where, options, known);
  return new Spec(where, options);
}

/**
 * Returns a copy, so that a later change of the caller's array has no effect. Reads each item once.
 *
 * @param {string} where
 * @param {unknown} list
 * @param {string} name
 * @returns {string[]}
 */
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

/**
 * Reads the items by index. Rejects holes: a polluted `Array.prototype` would fill them.
 *
 * @param {unknown[]} list
 * @returns {unknown[]}
 */
function itemsOf(list) {
  for (let i = 0; i < list.length; i += 1) if (!hasOwn(list, i)) return [undefined];
  const isOrdinary = getPrototypeOf(list) === Array.prototype && !hasOwn(list, Symbol.iterator);
  // A subclass may have an iterator that returns other items.
  return isOrdinary
    ? [...list]
    : Array.from(/** @type {ArrayLike<unknown>} */ ({ __proto__: null, length: list.length }), (_, i) => list[i]);
}

/**
 * @param {unknown[]} items
 * @returns {items is string[]}
 */
function areStrings(items) {
  for (let i = 0; i < items.length; i += 1) {
    const item = items[i];
    if (typeof item !== 'string' || LONE_SURROGATE.test(item)) return false;
  }
  return true;
}

/**
 * @param {string} where
 * @param {unknown} list
 * @returns {string[] | undefined}
 */
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

/** @param {string[]} items */
function areAcrValues(items) {
  for (let i = 0; i < items.length; i += 1) {
    if (!ACR.test(items[i]) || items[i].length > MAX_ACR_LENGTH) return false;
  }
  return true;
}

/**
 * Whether these are audiences of the client is checked where the client is known.
 *
 * @param {string} where
 * @param {unknown} list
 * @returns {string[] | undefined}
 */
function readAudience(where, list) {
  if (list === undefined || list === null) return undefined;
  const items = readList(where, list, 'audience');
  // An empty list could mean every audience or none.
  if (items.length === 0) throw invalid(`${where}: audience must not be empty`);
  return items;
}

/**
 * @param {string} where
 * @param {any} value
 * @returns {number | undefined}
 */
function readMaxAge(where, value) {
  if (value === undefined || value === null) return undefined;
  if (Number.isInteger(value) && value >= 1 && value <= MAX_AGE_LIMIT) return value;
  throw invalid(`${where}: maxAge must be a whole number of seconds from 1 to ${MAX_AGE_LIMIT}`);
}

/**
 * @param {string} where
 * @param {string} name
 * @param {any} value
 * @returns {CertificateBindingValidation | undefined}
 */
function readBinding(where, name, value) {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value ? 'required' : 'dangerously_ignore';
  if (BINDINGS.includes(value)) return value;
  throw invalid(`${where}: ${name} must be a boolean or one of ${BINDINGS.join(', ')}`);
}

/**
 * @param {string} where
 * @param {unknown} value
 */
function readCertificate(where, value) {
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw invalid(`${where}: clientCertificate must be a string`);
}

/**
 * Loaded on first use, because few calls have a proof.
 *
 * @type {typeof import('./call-proof.js').readCallProof | undefined}
 */
let readCallProof;

/**
 * @param {string} where
 * @param {unknown} scheme
 * @param {unknown} dpop
 */
function readProof(where, scheme, dpop) {
  if ((scheme === undefined || scheme === null) && (dpop === undefined || dpop === null)) return undefined;
  readCallProof ??= require('./call-proof.js').readCallProof;
  return readCallProof(where, scheme ?? undefined, dpop ?? undefined);
}

/** @param {string[]} list */
function lengthPrefixed(list) {
  let text = ';';
  for (let i = 0; i < list.length; i += 1) text += `${list[i].length}:${list[i]}`;
  return text;
}

module.exports = { NO_REQUIREMENTS, ROUTE_OPTIONS, callSpec, jwtCallSpec, routeSpec };
