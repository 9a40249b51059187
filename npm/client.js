'use strict';

/**
 * The two public clients. Ordinary classes with ordinary methods, open to subclassing and spies; each has an engine.
 */

const native = require('./engine.js');
const { Core } = require('./core.js');
const { FAILURES, Failure, MonoCloudValidationError } = require('./errors.js');
const { isPending } = require('./pending.js');

/** Marks the constructor call of `MonoCloudBackendNodeClient`, whose options are all in one object. */
const BACKEND = Symbol('backend');

/** The engine behind a client whose methods are the ones of this file: for middleware, which needs no `Error`. */
let coreOf;
/** The engine behind a client, whatever its methods are. */
let anyCoreOf;

class MonoCloudOidcBackendClient {
  #core;

  constructor(tenantDomain, audience, options = {}, flavour = undefined) {
    const isBackend = flavour === BACKEND;
    const given = { ...options, tenantDomain, audience };
    if (!isBackend) delete given.cache;
    this.#core = new Core(isBackend ? 'backend' : 'oidc', given);
  }

  static decodeJwt(jwt) {
    const text = typeof jwt === 'string' ? native.decodeClaims(jwt) : undefined;
    if (typeof text !== 'string') throw FAILURES.token_malformed.toError();
    return JSON.parse(text);
  }

  async validateAccessToken(token, options) {
    const policy = this.#core.policies.call(options);
    const override = isPristine(this) ? undefined : (isLocal) => this.#dispatch(isLocal, token, options);
    const outcome = this.#core.decide(token, policy, certificateOf(options), override);
    // What is known is answered in this turn of the event loop.
    return settle(isPending(outcome) ? await outcome : outcome);
  }

  async validateJwtAccessToken(token, options) {
    const policy = this.#core.policies.call(options);
    const jwks = options?.jwks;
    if (jwks === undefined || jwks === null) {
      return settle(await this.#core.decideJwt(token, policy, certificateOf(options)));
    }
    if (!Array.isArray(jwks.keys)) throw new MonoCloudValidationError('jwks must be a JWK Set', undefined, 'argument_invalid');
    return settle(this.#core.decideWithJwks(token, policy, certificateOf(options), jwks));
  }

  async introspectAccessToken(token, options) {
    return settle(await this.#core.introspect(token, this.#core.policies.call(options), certificateOf(options)));
  }

  async getMetadata(forceRefresh = false) {
    return settle(await this.#core.document('metadata', Boolean(forceRefresh)));
  }

  async getJwks(forceRefresh = false) {
    return settle(await this.#core.document('jwks', Boolean(forceRefresh)));
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

  /** For subclasses and spies that replaced one of the two: they see the call. */
  #dispatch(isLocal, token, options) {
    return isLocal ? this.validateJwtAccessToken(token, options) : this.introspectAccessToken(token, options);
  }

  static {
    anyCoreOf = (client) =>
      typeof client === 'object' && client !== null && #core in client ? client.#core : undefined;
    coreOf = (client) =>
      client?.validateAccessToken === VALIDATE && isPristine(client) ? anyCoreOf(client) : undefined;
  }
}

const {
  validateAccessToken: VALIDATE,
  validateJwtAccessToken: VALIDATE_JWT,
  introspectAccessToken: INTROSPECT,
} = MonoCloudOidcBackendClient.prototype;

class MonoCloudBackendNodeClient extends MonoCloudOidcBackendClient {
  constructor(options = {}) {
    const { tenantDomain, audience } = options ?? {};
    super(tenantDomain, audience, options ?? {}, BACKEND);
  }
}

function isPristine(client) {
  return client.validateJwtAccessToken === VALIDATE_JWT && client.introspectAccessToken === INTROSPECT;
}

function certificateOf(options) {
  const certificate = options?.clientCertificate;
  if (certificate === undefined || certificate === null || typeof certificate === 'string') return certificate ?? undefined;
  throw new MonoCloudValidationError('clientCertificate must be a string', undefined, 'argument_invalid');
}

function settle(outcome) {
  if (outcome instanceof Failure) throw outcome.toError();
  return outcome;
}

module.exports = { MonoCloudBackendNodeClient, MonoCloudOidcBackendClient, anyCoreOf, coreOf };
