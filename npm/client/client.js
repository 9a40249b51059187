'use strict';

/**
 * The two public clients. Both are ordinary classes that applications can subclass and spy on. Each one holds a
 * `Validator`.
 */

/**
 * @import { AsyncLocalStorage } from 'node:async_hooks'
 * @import { FailureData } from '../errors/errors.js'
 * @import { Claims } from '../native/values.js'
 * @import { JwtClaims } from '../types/claims.js'
 * @import { CustomMethods } from './check-claims.js'
 * @import { SpecType } from './call-options.js'
 * @import { PolicyType } from './policy.js'
 * @import { PossessionType } from './possession.js'
 * @import { ValidatorType } from './validate.js'
 */
/** @typedef {MonoCloudOidcBackendClient} ClientType The class as a type, for other files. */

const native = require('../native/panic-guard.js');
const { checkedOptions, invalid, memberOf } = require('./arguments.js');
const { callSpec, jwtCallSpec } = require('./call-options.js');
const { isClaimsSet } = require('./check-claims.js');
const { Validator } = require('./validate.js');
const { FAILURES, Failure } = require('../errors/errors.js');
const { isPending } = require('./pending.js');
const { possessionOf } = require('./possession.js');
const { OPTIONS } = require('./options.js');

/** Marks the constructor call of `MonoCloudBackendNodeClient`, which takes all its options in one object. */
const BACKEND = Symbol('backend');
/** The same for a client that reads no environment variables. */
const ISOLATED = Symbol('isolated');

/** The options of `MonoCloudOidcBackendClient`. It has no cache. */
const OIDC_OPTIONS = OPTIONS.filter((name) => name !== 'cache');

/**
 * Returns the validator of a client that has the default methods, or `undefined`. Middleware calls it directly, because
 * it needs no `Error` for a rejected token.
 *
 * @type {(client: any) => ValidatorType | undefined}
 */
let validatorOf;
/**
 * Returns the validator of a client, whatever its methods are.
 *
 * @type {(client: unknown) => ValidatorType | undefined}
 */
let anyValidatorOf;

/**
 * The client and the token of the running `validateAccessToken`, while a custom `introspectAccessToken` runs, and the
 * policy for that method. It is an `AsyncLocalStorage`, created on first use.
 *
 * @type {AsyncLocalStorage<readonly [client: object, token: string, policy: PolicyType]> | undefined}
 */
let introspecting;

class MonoCloudOidcBackendClient {
  #validator;

  /**
   * @param {string | undefined} tenantDomain
   * @param {string | readonly string[] | undefined} audience
   * @param {unknown} [options]
   * @param {typeof BACKEND | typeof ISOLATED} [clientKind]
   */
  constructor(tenantDomain, audience, options = {}, clientKind = undefined) {
    const isBackend = clientKind === BACKEND || clientKind === ISOLATED;
    const where = isBackend ? 'MonoCloudBackendNodeClient' : 'MonoCloudOidcBackendClient';
    const given = checkedOptions(where, options, isBackend ? OPTIONS : OIDC_OPTIONS, 'option_invalid');
    if (!isBackend) {
      takeArgument(given, 'tenantDomain', tenantDomain);
      takeArgument(given, 'audience', audience);
    }
    this.#validator = new Validator(clientKind === BACKEND ? 'backend' : 'oidc', given);
  }

  /**
   * @param {string} jwt
   * @returns {JwtClaims}
   */
  static decodeJwt(jwt) {
    const text = typeof jwt === 'string' ? native.decodeClaims(jwt) : undefined;
    if (typeof text !== 'string') throw FAILURES.token_malformed.toError();
    return JSON.parse(text);
  }

  /**
   * @param {string} token
   * @param {unknown} [options]
   */
  async validateAccessToken(token, options) {
    const spec = callSpec('validateAccessToken()', options);
    const policy = this.#validator.policies.call(spec);
    const possession = this.#possession(spec);
    const customMethods = hasDefaultMethods(this)
      ? undefined
      : this.#customMethods(token, this.#passedOn(options, spec, possession), policy, possession);
    const outcome = this.#validator.decide(token, policy, possession, customMethods);
    // Awaiting only promises saves one microtask for a token that is decided synchronously.
    return settle(isPending(outcome) ? await outcome : outcome);
  }

  /**
   * @param {string} token
   * @param {unknown} [options]
   */
  async validateJwtAccessToken(token, options) {
    const spec = jwtCallSpec('validateJwtAccessToken()', options);
    const { jwks } = spec;
    const policy = this.#validator.policies.call(spec);
    const possession = this.#possession(spec);
    if (jwks !== undefined && !Array.isArray(memberOf(jwks, 'keys'))) throw invalid('jwks must be a JWK Set');
    const outcome =
      jwks === undefined
        ? this.#validator.decideJwt(token, policy, possession)
        : this.#validator.decideWithJwks(token, policy, possession, jwks);
    return settle(await this.#validator.concluded(outcome, possession));
  }

  /**
   * @param {string} token
   * @param {unknown} [options]
   */
  async introspectAccessToken(token, options) {
    const spec = callSpec('introspectAccessToken()', options);
    // `validateAccessToken` called a custom method, which calls this one. The outer call checks the rest of the binding.
    const ofCaller = options === undefined ? policyOfCaller(this, token) : undefined;
    const policy = ofCaller ?? this.#validator.policies.call(spec);
    const possession = this.#possession(spec);
    const outcome = this.#validator.introspect(token, policy, possession);
    return settle(await this.#validator.concluded(outcome, possession));
  }

  /**
   * @param {string} token
   * @param {unknown} [options]
   */
  async explain(token, options) {
    const spec = callSpec('explain()', options);
    const policy = this.#validator.policies.call(spec);
    const possession = possessionOf(spec.certificate, spec.proof?.rehearsedFor(this.#validator));
    const customMethods = hasDefaultMethods(this)
      ? undefined
      : this.#customMethods(token, this.#passedOn(options, spec, possession), policy, possession);
    const outcome = this.#validator.decideForExplanation(token, policy, possession, customMethods);
    // Few processes explain tokens, so the package does not load this module at import.
    const { explained } = require('../explain/explain.js');
    return explained(this.#validator, token, spec, policy, outcome);
  }

  /** @param {boolean} [forceRefresh] */
  async getMetadata(forceRefresh = false) {
    return settle(await this.#validator.document('metadata', checkedFlag('getMetadata()', forceRefresh)));
  }

  /** @param {boolean} [forceRefresh] */
  async getJwks(forceRefresh = false) {
    return settle(await this.#validator.document('jwks', checkedFlag('getJwks()', forceRefresh)));
  }

  async warmUp() {
    settle(await this.#validator.warmUp());
  }

  health() {
    return this.#validator.health();
  }

  /** @param {number} seconds */
  setClockSkew(seconds) {
    this.#validator.setClockSkew(seconds);
  }

  /** @param {number} seconds */
  setClockTolerance(seconds) {
    this.#validator.setClockTolerance(seconds);
  }

  /**
   * How the caller of a method shows that the token is its own.
   *
   * @param {SpecType} spec
   */
  #possession({ certificate, proof }) {
    return possessionOf(certificate, proof?.for(this.#validator));
  }

  /**
   * Returns the options for the methods that `validateAccessToken` calls. They use the same proof.
   *
   * @param {unknown} options
   * @param {SpecType} spec
   * @param {PossessionType | undefined} possession
   */
  #passedOn(options, { proof }, possession) {
    if (proof === undefined || possession?.proof === undefined) return options;
    const { optionsWithProof } = require('./call-proof.js');
    return optionsWithProof(options, proof, possession.proof, this.#validator);
  }

  /**
   * The methods that a subclass or a spy replaced, as functions. The claims that they return are checked.
   *
   * @param {string} token
   * @param {unknown} options
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @returns {CustomMethods}
   */
  #customMethods(token, options, policy, possession) {
    const validateJwt = () => this.validateJwtAccessToken(token, options);
    // As in the published package, the method receives no options.
    const introspectToken = () => this.introspectAccessToken(token);
    const isBindingDecidedHere = possession !== undefined || ignoresBinding(policy);
    const introspect = isBindingDecidedHere
      ? () => runIntrospecting(this, token, this.#policyWithin(policy, possession), introspectToken)
      : introspectToken;
    return {
      validateJwt: this.validateJwtAccessToken === VALIDATE_JWT ? undefined : validateJwt,
      introspect: this.introspectAccessToken === INTROSPECT ? undefined : introspect,
    };
  }

  /**
   * The policy for an introspection inside a custom method. It ignores only a binding for which the outer call has the
   * proof or the certificate: the custom method may drop `cnf` from the claims.
   *
   * @param {PolicyType} policy That of the outer call.
   * @param {PossessionType | undefined} possession
   */
  #policyWithin({ binding, dpop }, possession) {
    const spec = callSpec('introspectAccessToken()', {
      validateCertificateBinding: possession?.certificate === undefined ? binding : 'dangerously_ignore',
      validateDPoPBinding: possession?.proof === undefined ? dpop : 'dangerously_ignore',
    });
    return this.#validator.policies.call(spec);
  }

  static {
    anyValidatorOf = (client) =>
      typeof client === 'object' && client !== null && #validator in client ? client.#validator : undefined;
    validatorOf = (client) =>
      client?.validateAccessToken === VALIDATE && hasDefaultMethods(client) ? anyValidatorOf(client) : undefined;
  }
}

const {
  validateAccessToken: VALIDATE,
  validateJwtAccessToken: VALIDATE_JWT,
  introspectAccessToken: INTROSPECT,
} = MonoCloudOidcBackendClient.prototype;

class MonoCloudBackendNodeClient extends MonoCloudOidcBackendClient {
  /** @param {unknown} [options] */
  constructor(options = {}) {
    super(undefined, undefined, options, BACKEND);
  }
}

/**
 * Creates a client from options alone. The environment may have the secret of one authorization server, which no other
 * may receive.
 *
 * @param {unknown} options
 */
function isolatedClient(options) {
  return new MonoCloudOidcBackendClient(undefined, undefined, options, ISOLATED);
}

/** @param {ClientType} client */
function hasDefaultMethods(client) {
  return client.validateJwtAccessToken === VALIDATE_JWT && client.introspectAccessToken === INTROSPECT;
}

/**
 * Whether the call ignores what a token is bound to.
 *
 * @param {PolicyType} policy
 */
function ignoresBinding({ binding, dpop }) {
  return binding === 'dangerously_ignore' || dpop === 'dangerously_ignore';
}

/**
 * Runs `work` so that an `introspectAccessToken` call inside it uses this policy.
 *
 * @template T
 * @param {object} client
 * @param {string} token
 * @param {PolicyType} policy
 * @param {() => T} work
 */
function runIntrospecting(client, token, policy, work) {
  if (introspecting === undefined) {
    const { AsyncLocalStorage } = require('node:async_hooks');
    introspecting = new AsyncLocalStorage();
  }
  return introspecting.run([client, token, policy], work);
}

/**
 * @param {object} client
 * @param {string} token
 */
function policyOfCaller(client, token) {
  const known = introspecting?.getStore();
  return known !== undefined && known[0] === client && known[1] === token ? known[2] : undefined;
}

/**
 * Sets an option from a constructor argument. The options must not contradict it.
 *
 * @param {Record<string, unknown>} options
 * @param {string} name
 * @param {unknown} value
 */
function takeArgument(options, name, value) {
  if (!isSame(options[name] ?? value, value)) {
    throw invalid(
      `${name} is an argument of MonoCloudOidcBackendClient, and the option says something else (option ${name})`,
      'option_invalid',
    );
  }
  options[name] = value;
}

/**
 * Whether two values are the same, or lists with the same items.
 *
 * @param {unknown} a
 * @param {unknown} b
 */
function isSame(a, b) {
  return (
    a === b || (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => item === b[i]))
  );
}

/**
 * @param {string} where
 * @param {unknown} value
 */
function checkedFlag(where, value) {
  if (value === undefined || value === null || typeof value === 'boolean') return Boolean(value);
  throw invalid(`${where} takes a boolean: whether to fetch now`);
}

/**
 * Checks what the `validateAccessToken` of any client returned. Returns it unchanged, or a failure.
 *
 * A client of another kind, such as a mock, decides itself. The result of a custom `validateAccessToken` of our clients is
 * checked against the policy and the revocation store if it is a claims set, and its proof must be new to the replay store.
 *
 * @param {any} client
 * @param {unknown} result
 * @param {string} token
 * @param {PolicyType} policy
 * @param {PossessionType | undefined} possession
 */
async function checkResult(client, result, token, policy, possession) {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return FAILURES.claims_invalid;
  const validator = anyValidatorOf(client);
  if (validator === undefined || client.validateAccessToken === VALIDATE) return result;
  const failure = await validator.failureOfResult(result, token, policy, possession);
  // What a custom method returned counts as claims, whatever its members are.
  const claims = /** @type {Claims} */ (result);
  if (!isClaimsSet(result)) return validator.concludedProof(claims, possession);
  return validator.concluded(failure?.withClaims(claims) ?? claims, possession);
}

/**
 * Returns claims, and throws the error of a failure.
 *
 * @template T
 * @param {T | FailureData} outcome
 * @returns {T}
 */
function settle(outcome) {
  if (outcome instanceof Failure) throw outcome.toError();
  return outcome;
}

module.exports = {
  MonoCloudBackendNodeClient,
  MonoCloudOidcBackendClient,
  anyValidatorOf,
  checkResult,
  isolatedClient,
  validatorOf,
};
