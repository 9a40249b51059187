'use strict';

/**
 * The two public clients. Ordinary classes with ordinary methods, open to subclassing and spies; each has an engine.
 */

const native = require('../native/panic-guard.js');
const { checkedOptions, invalid, memberOf } = require('./arguments.js');
const { Core } = require('./validate.js');
const { FAILURES, Failure } = require('../errors/errors.js');
const { isPending } = require('./pending.js');
const { callSpec, jwtCallSpec } = require('./policy.js');
const { OPTIONS } = require('./options.js');

/** Marks the constructor call of `MonoCloudBackendNodeClient`, whose options are all in one object. */
const BACKEND = Symbol('backend');

/** The options that `MonoCloudOidcBackendClient` has: two are arguments, and it has no cache. */
const OIDC_OPTIONS = OPTIONS.filter((name) => name !== 'cache');

/** The engine behind a client whose methods are the ones of this file: for middleware, which needs no `Error`. */
let coreOf;
/** The engine behind a client, whatever its methods are. */
let anyCoreOf;

/**
 * Which token of which client is being validated, while an overridden `introspectAccessToken` runs that is given the
 * token alone. An `AsyncLocalStorage`, made when it is first needed.
 */
let validating;

class MonoCloudOidcBackendClient {
  #core;

  constructor(tenantDomain, audience, options = {}, flavour = undefined) {
    const isBackend = flavour === BACKEND;
    const where = isBackend ? 'MonoCloudBackendNodeClient' : 'MonoCloudOidcBackendClient';
    const given = checkedOptions(where, options, isBackend ? OPTIONS : OIDC_OPTIONS, 'option_invalid');
    if (!isBackend) {
      takeArgument(given, 'tenantDomain', tenantDomain);
      takeArgument(given, 'audience', audience);
    }
    this.#core = new Core(isBackend ? 'backend' : 'oidc', given);
  }

  static decodeJwt(jwt) {
    const text = typeof jwt === 'string' ? native.decodeClaims(jwt) : undefined;
    if (typeof text !== 'string') throw FAILURES.token_malformed.toError();
    return JSON.parse(text);
  }

  async validateAccessToken(token, options) {
    const spec = callSpec('validateAccessToken()', options);
    const policy = this.#core.policies.call(spec);
    const overrides = hasDefaultMethods(this) ? undefined : this.#overrides(token, options, policy, spec.certificate);
    const outcome = this.#core.decide(token, policy, spec.certificate, overrides);
    // What is known is answered in this turn of the event loop.
    return settle(isPending(outcome) ? await outcome : outcome);
  }

  async validateJwtAccessToken(token, options) {
    const spec = jwtCallSpec('validateJwtAccessToken()', options);
    const { certificate, jwks } = spec;
    const policy = this.#core.policies.call(spec);
    if (jwks === undefined) return settle(await this.#core.decideJwt(token, policy, certificate));
    if (!Array.isArray(memberOf(jwks, 'keys'))) throw invalid('jwks must be a JWK Set');
    return settle(this.#core.decideWithJwks(token, policy, certificate, jwks));
  }

  async introspectAccessToken(token, options) {
    const spec = callSpec('introspectAccessToken()', options);
    const { policies } = this.#core;
    // The call that an override was made for has the certificate, and decides with it on what comes of this one.
    const isPart = options === undefined && isBeingValidated(this, token);
    const policy = isPart ? policies.unbound : policies.call(spec);
    return settle(await this.#core.introspect(token, policy, spec.certificate));
  }

  async getMetadata(forceRefresh = false) {
    return settle(await this.#core.document('metadata', checkedFlag('getMetadata()', forceRefresh)));
  }

  async getJwks(forceRefresh = false) {
    return settle(await this.#core.document('jwks', checkedFlag('getJwks()', forceRefresh)));
  }

  async warmUp() {
    settle(await this.#core.warmUp());
  }

  health() {
    return this.#core.health();
  }

  setClockSkew(seconds) {
    this.#core.setClockSkew(seconds);
  }

  setClockTolerance(seconds) {
    this.#core.setClockTolerance(seconds);
  }

  /** For subclasses and spies that replaced one of the two: they see the call, and what they give is decided on. */
  #overrides(token, options, policy, certificate) {
    const jwt = () => this.validateJwtAccessToken(token, options);
    // With the token alone, as the published package calls it.
    const alone = () => this.introspectAccessToken(token);
    const isBindingElsewhere = certificate !== undefined || policy.binding === 'dangerously_ignore';
    const opaque = isBindingElsewhere ? () => whileValidating(this, token, alone) : alone;
    return {
      jwt: this.validateJwtAccessToken === VALIDATE_JWT ? undefined : jwt,
      opaque: this.introspectAccessToken === INTROSPECT ? undefined : opaque,
    };
  }

  static {
    anyCoreOf = (client) =>
      typeof client === 'object' && client !== null && #core in client ? client.#core : undefined;
    coreOf = (client) =>
      client?.validateAccessToken === VALIDATE && hasDefaultMethods(client) ? anyCoreOf(client) : undefined;
  }
}

const {
  validateAccessToken: VALIDATE,
  validateJwtAccessToken: VALIDATE_JWT,
  introspectAccessToken: INTROSPECT,
} = MonoCloudOidcBackendClient.prototype;

class MonoCloudBackendNodeClient extends MonoCloudOidcBackendClient {
  constructor(options = {}) {
    super(undefined, undefined, options, BACKEND);
  }
}

function hasDefaultMethods(client) {
  return client.validateJwtAccessToken === VALIDATE_JWT && client.introspectAccessToken === INTROSPECT;
}

function whileValidating(client, token, work) {
  if (validating === undefined) {
    const { AsyncLocalStorage } = require('node:async_hooks');
    validating = new AsyncLocalStorage();
  }
  return validating.run([client, token], work);
}

function isBeingValidated(client, token) {
  const known = validating?.getStore();
  return known !== undefined && known[0] === client && known[1] === token;
}

/** What came as an argument cannot be another thing among the options. */
function takeArgument(options, name, value) {
  if ((options[name] ?? value) !== value) {
    throw invalid(`${name} is an argument of MonoCloudOidcBackendClient, and the option says something else (option ${name})`, 'option_invalid');
  }
  options[name] = value;
}

function checkedFlag(where, value) {
  if (value === undefined || value === null || typeof value === 'boolean') return Boolean(value);
  throw invalid(`${where} takes a boolean: whether to fetch now`);
}

/**
 * Decides on what the `validateAccessToken` of any client gave: claims as they are, or a failure.
 *
 * A client of another kind decides by itself. What an overridden `validateAccessToken` of one of ours gives is held
 * against the policy, if it is claims.
 */
function checkResult(client, result, token, policy, certificate) {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return FAILURES.claims_invalid;
  const core = anyCoreOf(client);
  if (core === undefined || client.validateAccessToken === VALIDATE) return result;
  return core.checkResult(result, token, policy, certificate).failure ?? result;
}

function settle(outcome) {
  if (outcome instanceof Failure) throw outcome.toError();
  return outcome;
}

module.exports = { MonoCloudBackendNodeClient, MonoCloudOidcBackendClient, anyCoreOf, checkResult, coreOf };
