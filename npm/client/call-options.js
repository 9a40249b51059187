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

const { LIMITS, NAMES } = require('../native/constants.js');
const { checkNames, invalid, readOwn } = require('./arguments.js');
const { areStrings, itemsOf } = require('./lists.js');

/** One route or call may require at most this many scopes, and as many groups, permissions and roles. */
const MAX_LISTED = 1000;
/** The values of `acr` stand in a response header, so they are fewer and shorter. */
const MAX_ACR = 20;
const MAX_ACR_LENGTH = 256;
const MAX_AGE_LIMIT = LIMITS.maxAge;

/** The values of both binding options. `true` means `required`, and `false` means `dangerously_ignore`. */
const BINDINGS = NAMES.bindingModes;

const ROUTE_OPTIONS = [
  'scopes',
  'anyScopes',
  'groups',
  'permissions',
  'roles',
  'claims',
  'acr',
  'maxAge',
  'validateCertificateBinding',
  'validateDPoPBinding',
  'audience',
];
/** The options of `protect()` alone. `protect/authorize.js` reads those that the engine does not know. */
const PROTECT_OPTIONS = [...ROUTE_OPTIONS, 'authorize', 'optional'];
const CALL_OPTIONS = [...ROUTE_OPTIONS, 'clientCertificate', 'scheme', 'dpop'];
const JWT_CALL_OPTIONS = [...CALL_OPTIONS, 'jwks'];

/** RFC 9470 §3: spaces separate the values of `acr_values`. No other character of a value needs an escape in a header. */
const ACR = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * The list of an option that is absent.
 *
 * @type {string[]}
 */
const NONE = [];
Object.freeze(NONE);

/** The options of a route or a call. */
class Spec {
  scopes = NONE;
  /**
   * A list that is not empty, or `undefined`.
   *
   * @type {string[] | undefined}
   */
  anyScopes;
  groups = NONE;
  permissions = NONE;
  roles = NONE;
  /**
   * The JSON text of the claims rules.
   *
   * @type {string | undefined}
   */
  claims;
  /**
   * A list that is not empty, or `undefined`.
   *
   * @type {string[] | undefined}
   */
  acr;
  /** @type {number | undefined} */
  maxAge;
  /**
   * The binding as the caller wrote it.
   *
   * @type {boolean | CertificateBindingValidation | undefined}
   */
  givenBinding;
  /**
   * One of `BINDINGS`, or `undefined` for the client's own setting.
   *
   * @type {CertificateBindingValidation | undefined}
   */
  binding;
  /**
   * The same two for DPoP.
   *
   * @type {boolean | DPoPBindingValidation | undefined}
   */
  givenDpop;
  /** @type {DPoPBindingValidation | undefined} */
  dpopMode;
  /**
   * A list that is not empty, or `undefined` for all audiences of the client.
   *
   * @type {string[] | undefined}
   */
  audience;
  /** @type {string | undefined} */
  certificate;
  /**
   * The DPoP proof of a call, or `undefined` for a bearer token.
   *
   * @type {ReturnType<typeof readProof>}
   */
  proof;
  /** @type {any} */
  jwks;

  /** Whether the client's own settings apply alone. */
  get isEmpty() {
    const isWithoutScopes = this.scopes.length === 0 && this.anyScopes === undefined;
    const isWithoutLists = this.groups.length === 0 && this.permissions.length === 0 && this.roles.length === 0;
    const isWithoutClaims = this.claims === undefined && this.acr === undefined && this.maxAge === undefined;
    const areDefaults = this.binding === undefined && this.dpopMode === undefined;
    return isWithoutScopes && isWithoutLists && isWithoutClaims && areDefaults && this.audience === undefined;
  }

  /** Equal for equal policies only. Each item has its length before it, so that items cannot run into each other. */
  get key() {
    const { binding, dpopMode, maxAge, scopes, groups, acr } = this;
    const usual = `${binding} ${dpopMode} ${maxAge}${lengthPrefixed(scopes)}${lengthPrefixed(groups)}${lengthPrefixed(acr ?? [])}`;
    const { anyScopes, permissions, roles, claims, audience } = this;
    const areFew = anyScopes === undefined && permissions.length === 0 && roles.length === 0 && claims === undefined;
    if (areFew && audience === undefined) return usual;
    const lists = [anyScopes ?? [], permissions, roles, audience ?? []].map(lengthPrefixed).join('');
    return `${usual}${lists};${claims ?? ''}`;
  }
}

/**
 * How each option is read. An option that is absent keeps its default.
 *
 * @type {Map<string, (spec: Spec, where: string, value: any) => void>}
 */
const READERS = new Map(
  Object.entries({
    scopes: (spec, where, value) => void (spec.scopes = readList(where, value, 'scopes')),
    anyScopes: (spec, where, value) => void (spec.anyScopes = readAnyScopes(where, value)),
    groups: (spec, where, value) => void (spec.groups = readList(where, value, 'groups')),
    permissions: (spec, where, value) => void (spec.permissions = readList(where, value, 'permissions')),
    roles: (spec, where, value) => void (spec.roles = readList(where, value, 'roles')),
    claims: (spec, where, value) => void (spec.claims = readClaims(where, value)),
    acr: (spec, where, value) => void (spec.acr = readAcr(where, value)),
    maxAge: (spec, where, value) => void (spec.maxAge = readMaxAge(where, value)),
    validateCertificateBinding: (spec, where, value) => {
      spec.givenBinding = value ?? undefined;
      spec.binding = readBinding(where, 'validateCertificateBinding', value);
    },
    validateDPoPBinding: (spec, where, value) => {
      spec.givenDpop = value ?? undefined;
      spec.dpopMode = readBinding(where, 'validateDPoPBinding', value);
    },
    audience: (spec, where, value) => void (spec.audience = readAudience(where, value)),
    clientCertificate: (spec, where, value) => void (spec.certificate = readCertificate(where, value)),
    jwks: (spec, _, value) => void (spec.jwks = value ?? undefined),
  }),
);

/** The options of a call without options. */
const NO_REQUIREMENTS = new Spec();

/**
 * Reads the options of a route.
 *
 * @param {unknown} options
 */
function routeSpec(options) {
  return readSpec('protect()', options, PROTECT_OPTIONS);
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
  const names = checkNames(where, options, known);
  const spec = new Spec();
  let mayHaveProof = false;
  // Only what is there is read, because most calls have one or two options.
  for (let i = 0; i < names.length; i += 1) {
    const read = READERS.get(names[i]);
    if (read === undefined) mayHaveProof = true;
    else read(spec, where, readOwn(where, options, names[i]));
  }
  // `scheme` and `dpop` are read together.
  if (mayHaveProof) {
    spec.proof = readProof(where, readOwn(where, options, 'scheme'), readOwn(where, options, 'dpop'));
  }
  return spec;
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
  if (list === undefined || list === null) return NONE;
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
 * An empty list could mean that nothing is required, or that no scope is enough.
 *
 * @param {string} where
 * @param {unknown} list
 * @returns {string[] | undefined}
 */
function readAnyScopes(where, list) {
  if (list === undefined || list === null) return undefined;
  const scopes = readList(where, list, 'anyScopes');
  if (scopes.length === 0) throw invalid(`${where}: anyScopes must name at least one scope`);
  return scopes;
}

/**
 * Loaded on first use, because few routes have such rules.
 *
 * @type {typeof import('./claim-rules.js').readClaimRules | undefined}
 */
let readClaimRules;

/**
 * @param {string} where
 * @param {unknown} claims
 */
function readClaims(where, claims) {
  if (claims === undefined || claims === null) return undefined;
  readClaimRules ??= require('./claim-rules.js').readClaimRules;
  return readClaimRules(where, claims);
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
