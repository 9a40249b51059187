'use strict';

/**
 * Decides on the tokens of one client. Which way does a token take: through the cache, as a JWT, or to the issuer?
 *
 * Returns claims or a `Failure`, or a promise of either. The engine has all the validation rules.
 */

/**
 * @import { FailureData } from '../errors/errors.js'
 * @import { MonoCloudBackendNodeClient } from '../native/binding.js'
 * @import { ICache } from '../types/cache.js'
 * @import { MonoCloudHealth } from '../types/client.js'
 * @import { IssuerMetadata, Jwks } from '../types/issuer.js'
 * @import { CheckedClaimsType, CustomMethods, Decision } from './check-claims.js'
 * @import { ClientContext } from './events.js'
 * @import { Functions, GivenOptions } from './options.js'
 * @import { PolicyType } from './policy.js'
 * @import { PossessionType } from './possession.js'
 * @import { RevocationType } from './revocation.js'
 * @import { GivenProof } from './call-proof.js'
 * @import { RequestProofType } from './request-proof.js'
 * @import { CachedValidationType } from './validate-cached.js'
 * @import { DpopValidationType } from './validate-dpop.js'
 * @import { Origin } from './watched.js'
 */
/** @typedef {Validator} ValidatorType The class as a type, for other files. */

const native = require('../native/panic-guard.js');
const { checkedSeconds } = require('./arguments.js');
const { CheckedClaims, ClaimsChecker } = require('./check-claims.js');
const { FAILURES, Failure, failureOf } = require('../errors/errors.js');
const { hasSubscribers, introspected, introspectionStart, keysReporter } = require('./events.js');
const { healthOf } = require('./health.js');
const { failureIn } = require('./outcomes.js');
const { textOfMembers } = require('./json.js');
const { Policies } = require('./policy.js');
const { ofOption, settingsOf } = require('./options.js');
const { dateNow } = require('./time.js');
const { JwtValidation } = require('./validate-jwt.js');

/**
 * Loaded with the first proof, because few clients use DPoP.
 *
 * @type {typeof import('./request-proof.js').RequestProof | undefined}
 */
let RequestProof;

class Validator {
  /** @type {MonoCloudBackendNodeClient} */
  #native;
  /** @type {{ drain(): void } | undefined} */
  #userFunctions;
  /** @type {CachedValidationType | undefined} */
  #cache;
  #jwts;
  #checker;
  /** What never changes about this client: `ClientFacts` of the engine. */
  #facts;
  /** The user's replay store, as `{ store, failure }`, if there is one. */
  #replay;
  /** @type {DpopValidationType | undefined} */
  #dpopValidation;
  /** @type {RevocationType | undefined} */
  #revocation;

  /**
   * @param {'backend' | 'oidc'} clientKind
   * @param {GivenOptions} options
   */
  constructor(clientKind, options) {
    const { settings, functions, replay, publicUrl } = settingsOf(clientKind, options);
    try {
      this.#native = new native.MonoCloudBackendNodeClient(settings);
    } catch (error) {
      throw ofOption(error);
    }
    this.#facts = this.#native.facts();
    this.#replay = replay;
    /** The first public URL as it was written, or `undefined`. */
    this.publicUrl = publicUrl;
    /**
     * Identifies this client in events and in a shared cache.
     *
     * @type {ClientContext}
     */
    this.context = { issuer: this.#facts.tenant, audience: this.#facts.audiences.join(' ') };
    this.#checker = new ClaimsChecker(this.#native, this.#facts.audiences);
    if (functions) this.#userFunctions = userFunctionsOf(this.#native, functions, this.#facts.responseTimeoutMs);
    if ((options.revocation ?? undefined) !== undefined)
      this.#revocation = revocationOf(this.context, options.revocation);
    this.#jwts = new JwtValidation(this.#native, this.#userFunctions, this.#revocation !== undefined);
    if (this.#userFunctions) {
      // The engine holds this callback. A strong reference back to the engine would keep both in memory forever.
      const userFunctions = new WeakRef(this.#userFunctions);
      this.#native.onRequests(() => userFunctions.deref()?.drain());
    }
    this.#native.observe(keysReporter(this.context));
    this.policies = new Policies(this.#native, this.#facts.audiences);
    if (options.cache) this.#cache = this.#cachedValidation(options.cache);
  }

  /**
   * Decides on any token. Returns claims or a failure, or a promise of either.
   *
   * @param {unknown} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession How the caller shows that the token is its own. `undefined` for a
   *   bearer token without a certificate.
   * @param {CustomMethods} [customMethods] Functions that call the methods of a subclass or a spy. Each is
   *   `undefined` if the client has the default method. The claims that they return are checked.
   * @param {Origin} [origin] What an event says about the request.
   * @returns {Decision | Promise<Decision>}
   */
  decide(token, policy, possession, customMethods, origin) {
    if (!hasSubscribers()) return this.#finally(token, policy, possession, customMethods);
    // Without a listener, the package does not load this module.
    const { watched } = require('./watched.js');
    return watched(this, token, possession, origin, () => this.#finally(token, policy, possession, customMethods));
  }

  /**
   * @param {unknown} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods | undefined} customMethods
   * @returns {Decision | Promise<Decision>}
   */
  #finally(token, policy, possession, customMethods) {
    const outcome = this.#decide(token, policy, possession, customMethods);
    const isFinal = possession === undefined && this.#revocation === undefined;
    return isFinal ? outcome : this.concluded(outcome, possession);
  }

  /**
   * The same without an event, for an explanation: it lets nobody in.
   *
   * @param {unknown} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods} [customMethods]
   */
  decideForExplanation(token, policy, possession, customMethods) {
    return this.concluded(this.#decide(token, policy, possession, customMethods), possession);
  }

  /**
   * The outcome after everything that a DPoP proof needs in addition, and after the revocation store.
   *
   * @param {Decision | Promise<Decision>} outcome
   * @param {PossessionType | undefined} possession
   */
  concluded(outcome, possession) {
    const proved = this.concludedProof(outcome, possession);
    return this.#revocation === undefined ? proved : this.#revocation.conclude(proved);
  }

  /**
   * The outcome after everything that a DPoP proof needs in addition.
   *
   * @param {Decision | Promise<Decision>} outcome
   * @param {PossessionType | undefined} possession
   */
  concludedProof(outcome, possession) {
    return possession?.proof === undefined ? outcome : this.#dpop.conclude(outcome, possession.proof);
  }

  /**
   * @param {unknown} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods | undefined} customMethods
   * @returns {Decision | Promise<Decision>}
   */
  #decide(token, policy, possession, customMethods) {
    if (typeof token !== 'string') return FAILURES.token_required;
    if (this.#cache) return this.#cache.decide(token, policy, possession, customMethods);
    if (customMethods !== undefined) return this.#decideByCustomMethods(token, policy, possession, customMethods);
    if (this.#facts.introspectsJwts) return this.introspect(token, policy, possession);
    return this.#jwts.decide(token, policy, possession) ?? this.introspect(token, policy, possession);
  }

  /**
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods} customMethods
   * @returns {Decision | Promise<Decision>}
   */
  #decideByCustomMethods(token, policy, possession, customMethods) {
    if (token.trim() === '') return FAILURES.token_required;
    return this.isLocal(token)
      ? this.decideJwt(token, policy, possession, false, customMethods)
      : this.introspect(token, policy, possession, customMethods);
  }

  /**
   * Whether a token may need a certificate under this policy.
   *
   * @param {Pick<PolicyType, 'binding'>} policy
   */
  checksBinding(policy) {
    return policy.binding === undefined ? !this.#facts.ignoresBinding : policy.binding !== 'dangerously_ignore';
  }

  /**
   * The mode of DPoP under this policy.
   *
   * @param {Pick<PolicyType, 'dpop'>} policy
   */
  dpopMode(policy) {
    return policy.dpop ?? this.#facts.dpopMode;
  }

  /** What challenges and proofs need. */
  get dpopFacts() {
    const { dpopAlgorithms, dpopContext, announcesDpop, publicUrls } = this.#facts;
    return {
      algorithms: dpopAlgorithms,
      context: dpopContext,
      isAnnounced: announcesDpop || this.#replay !== undefined,
      publicUrls,
    };
  }

  /** What an explanation needs besides the decision. */
  explaining() {
    return {
      options: JSON.parse(this.#native.shownOptions()),
      checksRevocation: this.#revocation !== undefined,
      introspect: this.#native.introspect.bind(this.#native),
      drain: () => this.#userFunctions?.drain(),
    };
  }

  /** Whether events hold values of rejected tokens. */
  get publishesValues() {
    return this.#facts.publishesValues;
  }

  /** The client's audiences. */
  get audiences() {
    return this.#facts.audiences;
  }

  /** The issuer's name as its metadata has it. Without metadata, the tenant domain as it was written. */
  get issuer() {
    return this.#native.issuer();
  }

  /**
   * Creates the DPoP proof of one request.
   *
   * @param {GivenProof} given The value of the one `DPoP` header, an array of several values, or
   *   `undefined`.
   * @param {string} method
   * @param {string[]} urls The URLs that the request may have been sent to.
   * @param {boolean} [isRehearsed] Whether the proof is checked and not used.
   */
  proof(given, method, urls, isRehearsed = false) {
    RequestProof ??= require('./request-proof.js').RequestProof;
    return new RequestProof(this.#native, given, method, urls, isRehearsed);
  }

  /**
   * Returns the nonce that the response to a request with this proof must have (RFC 9449 §8.2).
   *
   * @param {RequestProofType} proof
   */
  nonceOf(proof) {
    return this.#facts.usesNonces ? (proof.nonce() ?? undefined) : undefined;
  }

  /** @returns {DpopValidationType} */
  get #dpop() {
    if (this.#dpopValidation === undefined) {
      // Few clients use DPoP, so the package does not load this module at import.
      const { DpopValidation } = require('./validate-dpop.js');
      this.#dpopValidation = new DpopValidation(this.#native, this, this.#replay);
    }
    return this.#dpopValidation;
  }

  /**
   * Whether a token is validated locally, without asking the issuer.
   *
   * @param {string} token
   */
  isLocal(token) {
    return this.#native.isLocal(token);
  }

  /**
   * The scopes that claims grant. Scopes that they imply are not added.
   *
   * @param {Record<string, unknown>} claims
   */
  grantedScopes(claims) {
    return this.#native.grantedScopes(textOfMembers(claims));
  }

  /**
   * Validates a JWT locally.
   *
   * @param {unknown} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {boolean} [hasCachedFallback] Whether the caller has a cache entry to fall back to. Then the wait for keys
   *   is short.
   * @param {CustomMethods} [customMethods]
   * @returns {Decision | Promise<Decision>}
   */
  decideJwt(token, policy, possession, hasCachedFallback = false, customMethods = undefined) {
    if (typeof token !== 'string') return FAILURES.token_required;
    if (customMethods?.validateJwt) {
      return this.#decideByCustomMethod(customMethods.validateJwt, token, policy, possession);
    }
    const outcome = this.#jwts.decide(token, policy, possession, hasCachedFallback);
    if (outcome !== undefined) return outcome;
    return token.trim() === '' ? FAILURES.token_required : FAILURES.token_malformed;
  }

  /**
   * Validates a JWT with the caller's own JWK Set.
   *
   * @param {unknown} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {unknown} jwks
   * @returns {Decision | Promise<Decision>}
   */
  decideWithJwks(token, policy, possession, jwks) {
    if (typeof token !== 'string') return FAILURES.token_required;
    return this.#jwts.decideWithJwks(token, policy, possession, jwks);
  }

  /**
   * Introspects a token, by the issuer or by a custom method.
   *
   * @param {unknown} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods} [customMethods]
   * @returns {Promise<Decision>}
   */
  async introspect(token, policy, possession, customMethods) {
    const checked = await this.askIssuer(token, policy, possession, customMethods);
    return checked.decision;
  }

  /**
   * Introspects a token. Returns `CheckedClaims`: a cache can keep valid claims that this route rejects.
   *
   * @param {unknown} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods} [customMethods]
   * @returns {Promise<CheckedClaimsType>}
   */
  async askIssuer(token, policy, possession, customMethods = undefined) {
    if (typeof token !== 'string' || token.trim() === '') return new CheckedClaims(undefined, FAILURES.token_required);
    if (customMethods?.introspect) {
      return this.#checker.check(await customMethods.introspect(), true, token, policy, possession);
    }
    // A proof that cannot be accepted is rejected before a request to the issuer.
    const code = possession?.proof?.checkRequest(token) ?? 0;
    if (code !== 0) return new CheckedClaims(undefined, failureOf(code));
    const start = introspectionStart();
    const pending = this.#native.introspect(token, dateNow());
    this.#userFunctions?.drain();
    const answer = await pending;
    if (typeof answer !== 'string') {
      const failure = failureIn(answer);
      introspected(this.context, failure, start);
      return new CheckedClaims(undefined, failure);
    }
    introspected(this.context, undefined, start);
    const claims = JSON.parse(answer);
    delete claims.active;
    return this.#checker.checkText(answer, claims, true, token, policy, possession);
  }

  /**
   * Returns the failure of what a custom `validateAccessToken` returned, if it fails.
   *
   * @param {object} result
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   */
  failureOfResult(result, token, policy, possession) {
    return this.#checker.failureOfResult(result, token, policy, possession);
  }

  /**
   * @param {() => unknown} customValidate
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @returns {Promise<Decision>}
   */
  async #decideByCustomMethod(customValidate, token, policy, possession) {
    const checked = await this.#checker.check(await customValidate(), false, token, policy, possession);
    return checked.decision;
  }

  /**
   * @overload
   * @param {'metadata'} kind
   * @param {boolean} isForced
   * @returns {Promise<IssuerMetadata | FailureData>}
   */
  /**
   * @overload
   * @param {'jwks'} kind
   * @param {boolean} isForced
   * @returns {Promise<Jwks | FailureData>}
   */
  /**
   * Returns the metadata or the JWK Set as an object, or the failure to fetch it.
   *
   * @param {'metadata' | 'jwks'} kind
   * @param {boolean} isForced
   * @returns {Promise<any>}
   */
  async document(kind, isForced) {
    const pending = this.#native[kind](isForced);
    this.#userFunctions?.drain();
    const answer = await pending;
    return typeof answer === 'string' ? JSON.parse(answer) : failureIn(answer);
  }

  /**
   * Fetches the keys before the first JWT arrives. Returns the JWK Set or a failure.
   *
   * @returns {Promise<Jwks | FailureData>}
   */
  async warmUp() {
    const metadata = this.#facts.needsMetadata ? await this.document('metadata', false) : undefined;
    return metadata instanceof Failure ? metadata : this.document('jwks', false);
  }

  /** @param {unknown} seconds */
  setClockSkew(seconds) {
    this.#native.setClockSkew(checkedSeconds('clockSkew', seconds));
  }

  /** @param {unknown} seconds */
  setClockTolerance(seconds) {
    this.#native.setClockTolerance(checkedSeconds('clockTolerance', seconds));
  }

  /** @returns {MonoCloudHealth} */
  health() {
    return healthOf(this.#native);
  }

  /** @param {ICache} cache */
  #cachedValidation(cache) {
    // Few clients have a cache, so the package does not load this module at import.
    const { CachedValidation } = require('./validate-cached.js');
    return new CachedValidation(this.#native, cache, this.context, {
      keepsIntrospected: this.#facts.cachesIntrospected,
      keepsClaims: this.#revocation !== undefined,
      decideJwt: this.decideJwt.bind(this),
      askIssuer: this.askIssuer.bind(this),
    });
  }
}

/**
 * @param {ClientContext} client
 * @param {unknown} options
 * @returns {RevocationType}
 */
function revocationOf(client, options) {
  // Few clients have a revocation store, so the package does not load this module at import.
  const { Revocation } = require('./revocation.js');
  return new Revocation(client, options);
}

/**
 * @param {MonoCloudBackendNodeClient} engine
 * @param {Functions} functions
 * @param {number} timeoutMs
 */
function userFunctionsOf(engine, functions, timeoutMs) {
  // Few clients have such functions, so the package does not load this module at import.
  const { UserFunctions } = require('./user-functions.js');
  return new UserFunctions(engine, functions, timeoutMs);
}

module.exports = { Validator };
