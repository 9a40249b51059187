'use strict';

/**
 * What does the metadata of a protected resource say (RFC 9728 §2), and where is it (RFC 9728 §3.1)?
 *
 * A client compares `resource` with the URL that it uses, octet by octet (RFC 9728 §3.3). So the document repeats the
 * configured text, and nothing here serializes a URL again.
 */

/** @import { ValidatorType } from '../client/validate.js' */
/** @typedef {Readonly<{ resource: string, authorization_servers: readonly string[] } & Record<string, unknown>>} Metadata */
/**
 * A resource that was read from options.
 *
 * @typedef {object} Resource
 * @property {string} url The URL of the document.
 * @property {number} maxAge Seconds.
 * @property {boolean} servesAuthorizationServer
 * @property {() => Metadata} metadata Returns the document.
 */

const { checkedOptions, invalid } = require('../client/arguments.js');
const { isWebUrl } = require('../protect/resource-metadata.js');

/** RFC 9728 §3. */
const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const DEFAULT_MAX_AGE = 3600;
/** One year, in seconds. */
const MAX_MAX_AGE = 31_536_000;
/** The largest number of items in one list. */
const MAX_LISTED = 1000;

/** Options that are one URL, and their names in the document. */
const LINKS = {
  resourceDocumentation: 'resource_documentation',
  resourcePolicyUri: 'resource_policy_uri',
  resourceTosUri: 'resource_tos_uri',
};
const OPTIONS = [
  'resource',
  'authorizationServers',
  'scopesSupported',
  'resourceName',
  ...Object.keys(LINKS),
  'authorizationDetailsTypesSupported',
  'maxAge',
  'serveAuthorizationServerMetadata',
];

/**
 * Reads the options of `protectedResource()`.
 *
 * @param {ValidatorType | undefined} validator The client's validator. `undefined` for a client of another kind, which has
 *   no defaults.
 * @param {unknown} given
 * @returns {Resource}
 */
function resourceOf(validator, given) {
  const options = checkedOptions('protectedResource()', given, OPTIONS, 'option_invalid');
  const resource = readResource(options.resource, validator);
  const servers = readList(options, 'authorizationServers', isIssuer, 'URLs without query and fragment');
  if (servers === undefined && validator === undefined) throw wrong('authorizationServers', 'is required');
  const scopes = readList(options, 'scopesSupported', isScope, 'scopes');
  // MCP, "Scope Selection Strategy": clients ask for refresh tokens themselves.
  if (scopes?.includes('offline_access')) throw wrong('scopesSupported', 'must not contain offline_access');
  const types = readList(options, 'authorizationDetailsTypesSupported', isText, 'strings that are not empty');
  const rest = {
    scopes_supported: scopes,
    ...proofsOf(validator),
    resource_name: readItem(options, 'resourceName', isText, 'a string that is not empty'),
    ...linksOf(options),
    authorization_details_types_supported: types,
  };
  /** @type {Metadata | undefined} */
  let known;
  return {
    url: urlOf(resource),
    maxAge: readMaxAge(options.maxAge),
    servesAuthorizationServer: readFlag(options, 'serveAuthorizationServerMetadata') ?? true,
    /** The issuer's name is certain only when its metadata was fetched. Until then it is the configured one. */
    metadata() {
      const issuers = servers ?? [/** @type {ValidatorType} */ (validator).issuer];
      if (known === undefined || known.authorization_servers[0] !== issuers[0]) {
        known = documentOf(resource, issuers, rest);
      }
      return known;
    },
  };
}

/**
 * Parameters without a value are left out (RFC 9728 §3.2).
 *
 * @param {string} resource
 * @param {readonly string[]} servers
 * @param {Record<string, unknown>} rest
 * @returns {Metadata}
 */
function documentOf(resource, servers, rest) {
  const all = { resource, authorization_servers: Object.freeze([...servers]), ...rest };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.freeze(/** @type {any} */ (Object.fromEntries(given)));
}

/**
 * RFC 9728 §3.1: the path goes behind the well-known path. A `/` that is all of the path is removed.
 *
 * @param {string} resource
 */
function urlOf(resource) {
  const [, origin, rest] = /** @type {RegExpExecArray} */ (/^([^/]+\/\/[^/?]+)(.*)$/.exec(resource));
  return origin + WELL_KNOWN + rest.replace(/^\/(?=\?|$)/, '');
}

/**
 * @param {unknown} given
 * @param {ValidatorType | undefined} validator
 * @returns {string}
 */
function readResource(given, validator) {
  /** @param {unknown} text */
  const isUsable = (text) => typeof text === 'string' && isResource(text);
  const audience = validator?.audiences.find(isUsable);
  const resource = given ?? validator?.publicUrl ?? audience;
  if (isUsable(resource)) return /** @type {string} */ (resource);
  // The audience may be the name of several APIs, such as a `urn:`, which has no place for a document.
  const advice = given === undefined || given === null ? ' Neither publicUrl nor audience of the client is one.' : '';
  throw wrong('resource', `must be an https URL without user and fragment, or http for loopback.${advice}`);
}

/**
 * RFC 9728 §1.2. `http` is for tests on one machine.
 *
 * @param {string} text
 */
function isResource(text) {
  return isWebUrl(text) && isProtected(new URL(text));
}

/** @param {URL} url */
function isProtected({ protocol, hostname }) {
  return protocol === 'https:' || /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}

/**
 * RFC 8414 §2.
 *
 * @param {unknown} value
 */
function isIssuer(value) {
  return isText(value) && isResource(value) && !value.includes('?');
}

/**
 * RFC 6749 §3.3.
 *
 * @param {unknown} value
 */
function isScope(value) {
  return typeof value === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value);
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isText(value) {
  return typeof value === 'string' && value.trim() !== '';
}

/**
 * What a client must know about the tokens that this API accepts. An API without options of DPoP does not announce it.
 *
 * @param {ValidatorType | undefined} validator
 */
function proofsOf(validator) {
  const mode = validator?.dpopMode(validator.policies.none);
  const isRequired = mode === 'required';
  const facts = mode === 'dangerously_ignore' ? undefined : validator?.dpopFacts;
  return {
    bearer_methods_supported: isRequired ? undefined : Object.freeze(['header']),
    dpop_signing_alg_values_supported: facts?.isAnnounced ? Object.freeze(facts.algorithms.split(' ')) : undefined,
    dpop_bound_access_tokens_required: isRequired ? true : undefined,
  };
}

/** @param {Record<string, unknown>} options */
function linksOf(options) {
  /** @param {[string, string]} link */
  const read = ([option, name]) => [name, readItem(options, option, isWebUrl, 'an absolute http or https URL')];
  return Object.fromEntries(Object.entries(LINKS).map(read));
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @param {(value: string) => boolean} isValid
 * @param {string} expected
 * @returns {string | undefined}
 */
function readItem(options, name, isValid, expected) {
  const value = options[name] ?? undefined;
  if (value === undefined || (typeof value === 'string' && isValid(value))) return value;
  throw wrong(name, `must be ${expected}`);
}

/**
 * Returns a copy, or `undefined` for an empty list.
 *
 * @param {Record<string, any>} options
 * @param {string} name
 * @param {(value: unknown) => boolean} isValid
 * @param {string} expected
 * @returns {readonly string[] | undefined}
 */
function readList(options, name, isValid, expected) {
  const value = options[name] ?? undefined;
  if (value === undefined) return undefined;
  const items = Array.isArray(value) && value.length <= MAX_LISTED ? [...value] : [undefined];
  if (!items.every(isValid)) throw wrong(name, `must be a list of at most ${MAX_LISTED} ${expected}`);
  return items.length === 0 ? undefined : Object.freeze(items);
}

/**
 * @param {unknown} seconds
 * @returns {number}
 */
function readMaxAge(seconds) {
  if (seconds === undefined || seconds === null) return DEFAULT_MAX_AGE;
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_MAX_AGE)
    return seconds;
  throw wrong('maxAge', `must be a whole number of seconds, 0 to ${MAX_MAX_AGE}`);
}

/**
 * @param {Record<string, any>} options
 * @param {string} name
 * @returns {boolean | undefined}
 */
function readFlag(options, name) {
  const value = options[name] ?? undefined;
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrong(name, 'must be a boolean');
}

/**
 * @param {string} name
 * @param {string} problem
 */
function wrong(name, problem) {
  return invalid(`${name} ${problem} (option ${name} of protectedResource())`, 'option_invalid');
}

module.exports = { resourceOf };
