'use strict';

/** Reads the arguments of `protectApi`: a client, options, or both. All routes of the API share the result. */

/**
 * @import { PolicyType } from '../client/policy.js'
 * @import { ValidatorType } from '../client/validate.js'
 * @import { ChoicesType } from './issuers.js'
 * @import { Framework } from './request-url.js'
 * @import { RefusalsType } from './refusal.js'
 * @import { RouteResponses } from './route-responses.js'
 */
/** @typedef {((request: any) => unknown) | null | undefined} Resolver */
/**
 * The options of `protectApi`, and what all its routes share.
 *
 * @typedef {object} Api
 * @property {any} client
 * @property {Framework} framework
 * @property {readonly string[]} publicUrls
 * @property {(policy: PolicyType | undefined, isGiven: boolean, scopes: readonly string[]) => RouteResponses} responses
 * @property {Resolver} [tokenResolver]
 * @property {Resolver} [certificateResolver]
 * @property {Resolver} [urlResolver]
 * @property {ChoicesType} [choices] Set if the client of a request depends on its token or on `issuers`.
 * @property {(claims: object) => object} [accepted] Set for one client of several. Called when it accepted a token. Returns the
 *   claims with their issuer.
 * @property {boolean | null} [allowPreflight]
 * @property {RefusalsType} [refusals] `undefined` if the responses stay as they are.
 */

const { checkFlag, checkedOptions, invalid, isAbsent, isPlain, memberOf } = require('../client/arguments.js');
const { MonoCloudBackendNodeClient, anyValidatorOf } = require('../client/client.js');
const { directoryOf } = require('../client/multi-issuer.js');
const { routeResponses } = require('./route-responses.js');

/** The options of `protectApi` that are functions. */
const RESOLVERS = ['tokenResolver', 'certificateResolver', 'urlResolver', 'issuers'];
/** The options that change responses. */
const RESPONSES = ['body', 'delegate', 'exposeReason', 'onRefused'];
const OPTIONS = [...RESOLVERS, ...RESPONSES, 'allowPreflight', 'realm', 'resourceMetadata'];

const MAX_REALM = 256;
/** RFC 9110 §5.6.4: a quoted string without tabs and without characters that are not ASCII. */
const REALM = /^[\x20-\x7e]+$/;

/**
 * @param {any} clientOrOptions
 * @param {unknown} maybeOptions
 * @param {Framework} framework
 * @returns {Api}
 */
function apiOf(clientOrOptions, maybeOptions, framework) {
  const [givenClient, given] = clientAndOptions(clientOrOptions, maybeOptions);
  const options = checkedOptions('protectApi()', given, OPTIONS);
  const client = givenClient ?? new MonoCloudBackendNodeClient();
  for (const name of RESOLVERS) checkResolver(name, options[name]);
  checkFlag('allowPreflight', options.allowPreflight);
  const metadataUrl = metadataUrlOf(options.resourceMetadata);
  const realm = realmOf(options.realm);
  /** @param {Parameters<typeof routeResponses>[0]} validator */
  const responsesOf = (validator) => routeResponses(validator, metadataUrl, realm);
  /** @param {any} chosen */
  const apiFor = (chosen) => {
    const validator = anyValidatorOf(chosen);
    const own = { client: chosen, framework, choices: undefined, refusals: refusalsOf(options, validator, framework) };
    return Object.assign(Object.create(null), options, own, membersFor(validator, responsesOf));
  };
  const validator = anyValidatorOf(client);
  const refusals = refusalsOf(options, validator, framework);
  const choices = choicesOf(client, options.issuers, apiFor);
  const members = membersFor(choices?.facts ?? validator, responsesOf);
  // An object without a prototype: an option that was not given is never an inherited one.
  return Object.assign(options, { client, framework, choices, refusals, ...members });
}

/**
 * What an API knows from its client.
 *
 * @param {Parameters<typeof routeResponses>[0]} validator
 * @param {(validator: Parameters<typeof routeResponses>[0]) => ReturnType<typeof routeResponses>} responsesOf
 */
function membersFor(validator, responsesOf) {
  return { publicUrls: validator?.dpopFacts.publicUrls ?? [], responses: responsesOf(validator) };
}

/**
 * Few APIs have several issuers, so the package does not load this module at import.
 *
 * @param {any} client
 * @param {any} issuers
 * @param {(client: any) => Api} apiFor
 */
function choicesOf(client, issuers, apiFor) {
  const isOne = isAbsent(issuers) && directoryOf(client) === undefined;
  return isOne ? undefined : require('./issuers.js').choicesOf(client, issuers ?? undefined, apiFor);
}

/**
 * Returns the arguments of a function that takes a client, options, or both.
 *
 * @param {any} clientOrOptions
 * @param {unknown} maybeOptions
 * @returns {[any, unknown]}
 */
function clientAndOptions(clientOrOptions, maybeOptions) {
  const isClient = typeof memberOf(clientOrOptions, 'validateAccessToken') === 'function';
  return isClient ? [clientOrOptions, maybeOptions] : [undefined, clientOrOptions ?? maybeOptions];
}

/**
 * The URL that the challenges name. Few APIs have one, so the package does not load this module at import.
 *
 * @param {unknown} given
 * @returns {string | undefined}
 */
function metadataUrlOf(given) {
  return given === undefined || given === null ? undefined : require('./resource-metadata.js').metadataUrlOf(given);
}

/**
 * What changes the responses. Few APIs do, so the package does not load this module at import.
 *
 * @param {Record<string, any>} options
 * @param {ValidatorType | undefined} validator
 * @param {Framework} framework
 */
function refusalsOf(options, validator, framework) {
  if (RESPONSES.every((name) => options[name] === undefined || options[name] === null)) return undefined;
  return require('./refusal.js').refusalsOf(options, validator?.context, framework);
}

/**
 * @param {unknown} realm
 * @returns {string | undefined}
 */
function realmOf(realm) {
  if (realm === undefined || realm === null) return undefined;
  if (typeof realm === 'string' && realm.length <= MAX_REALM && REALM.test(realm)) return realm;
  throw invalid(`realm must be 1 to ${MAX_REALM} characters of printable ASCII`);
}

/**
 * Throws if `protect` itself was passed as a handler: the framework then calls it with its request.
 *
 * @param {unknown} options
 */
function checkNotRequest(options) {
  if (typeof options !== 'object' || options === null || Array.isArray(options) || isPlain(options)) return;
  throw invalid(
    'protect() takes a plain object of options. Was protect put on a route without being called? Write protect(), as in app.get(path, protect(), handler)',
  );
}

/**
 * @param {string} name
 * @param {unknown} resolver
 */
function checkResolver(name, resolver) {
  if (resolver === undefined || resolver === null || typeof resolver === 'function') return;
  throw invalid(`${name} must be a function`);
}

module.exports = { apiOf, checkNotRequest, clientAndOptions };
