'use strict';

/**
 * Decides on the tokens of one client. It calls the engine's warm function first. Then it does what that call asks for:
 * it waits for keys, moves to the thread pool, or asks the issuer.
 *
 * Returns claims or a `Failure`, or a promise of either. The engine has all the validation rules.
 */

const { OUTCOMES } = require('../native/constants.js');
const native = require('../native/panic-guard.js');
const { Slots } = require('./claims.js');
const { checkedSeconds, invalid, own } = require('./arguments.js');
const { CheckedClaims, ClaimsChecker } = require('./check-claims.js');
const { FAILURES, Failure, failureOf } = require('../errors/errors.js');
const { decided, hasSubscribers, introspected, keysReporter } = require('./events.js');
const { ClaimsTemplates } = require('./claims-template.js');
const { healthOf } = require('./health.js');
const { textOf } = require('./json.js');
const { KeyRefresh } = require('./key-refresh.js');
const { isPending } = require('./pending.js');
const { Policies } = require('./policy.js');
const { NONE } = require('./possession.js');
const { settingsOf } = require('./options.js');
const { dateNow } = require('./time.js');

/** Outcomes of the engine that are not failures. */
const { needsKeys: NEEDS_KEYS, isSlow: IS_SLOW, notAJwt: NOT_A_JWT } = OUTCOMES;

class Validator {
  #native;
  #userFunctions;
  #cache;
  #keyRefresh;
  #checker;
  /** What never changes about this client: `ClientFacts` of the engine. */
  #facts;
  /** The user's replay store, as `{ store, failure }`, if there is one. */
  #replay;
  #dpopValidation;
  #slots = new Slots(() => this.#native.released());
  #templates = new ClaimsTemplates();

  constructor(clientKind, options) {
    const { settings, functions, replay } = settingsOf(clientKind, options);
    try {
      this.#native = new native.MonoCloudBackendNodeClient(settings);
    } catch (error) {
      throw error?.name === 'MonoCloudHttpError' ? error : invalid(error.message, 'option_invalid');
    }
    this.#facts = this.#native.facts();
    this.#replay = replay;
    /** `{ issuer, audience }`: identifies this client in events and in a shared cache. */
    this.context = { issuer: this.#facts.tenant, audience: this.#facts.audience };
    this.#checker = new ClaimsChecker(this.#native, this.context.audience);
    if (functions) this.#userFunctions = userFunctionsOf(this.#native, functions, this.#facts.responseTimeoutMs);
    this.#keyRefresh = new KeyRefresh(this.#native, this.#userFunctions);
    if (this.#userFunctions) {
      // The engine holds this callback. A strong reference back to the engine would keep both in memory forever.
      const userFunctions = new WeakRef(this.#userFunctions);
      this.#native.onRequests(() => userFunctions.deref()?.drain());
    }
    this.#native.observe(keysReporter(this.context));
    this.policies = new Policies(this.#native);
    if (options.cache) this.#cache = this.#cachedValidation(options.cache);
  }

  /**
   * Decides on any token. Returns claims or a failure, or a promise of either.
   *
   * @param possession How the caller shows that the token is its own. `undefined` for a bearer token without a
   *   certificate.
   * @param customMethods `{ validateJwt, introspect }`: functions that call the methods of a subclass or a spy. Each is
   *   `undefined` if the client has the default method. The claims that they return are checked.
   */
  decide(token, policy, possession, customMethods) {
    let outcome = this.#decide(token, policy, possession, customMethods);
    if (possession !== undefined) outcome = this.concluded(outcome, possession);
    return hasSubscribers() ? this.#publish(token, outcome) : outcome;
  }

  /** The outcome after everything that a DPoP proof needs in addition. */
  concluded(outcome, possession) {
    return possession?.proof === undefined ? outcome : this.#dpop.conclude(outcome, possession.proof);
  }

  #decide(token, policy, possession, customMethods) {
    if (typeof token !== 'string') return FAILURES.token_required;
    if (this.#cache) return this.#cache.decide(token, policy, possession, customMethods);
    if (customMethods !== undefined) return this.#decideByCustomMethods(token, policy, possession, customMethods);
    if (this.#facts.introspectsJwts) return this.introspect(token, policy, possession);
    return this.#decideWarm(token, policy, possession) ?? this.introspect(token, policy, possession);
  }

  #decideByCustomMethods(token, policy, possession, customMethods) {
    if (token.trim() === '') return FAILURES.token_required;
    return this.isLocal(token)
      ? this.decideJwt(token, policy, possession, false, customMethods)
      : this.introspect(token, policy, possession, customMethods);
  }

  /** Whether a token may need a certificate under this policy. */
  checksBinding(policy) {
    return policy.binding === undefined ? !this.#facts.ignoresBinding : policy.binding !== 'dangerously_ignore';
  }

  /** The mode of DPoP under this policy: `when_present`, `required` or `dangerously_ignore`. */
  dpopMode(policy) {
    return policy.dpop ?? this.#facts.dpopMode;
  }

  /** What challenges and proofs need: `{ algorithms, isAnnounced, publicUrls }`. */
  get dpopFacts() {
    const { dpopAlgorithms, announcesDpop, publicUrls } = this.#facts;
    return { algorithms: dpopAlgorithms, isAnnounced: announcesDpop || this.#replay !== undefined, publicUrls };
  }

  /**
   * Creates the engine's object for the DPoP proof of one request.
   *
   * @param given The value of the one `DPoP` header, an array of several values, or `undefined`.
   * @param urls The URLs that the request may have been sent to.
   */
  proof(given, method, urls) {
    return new native.Proof(this.#native, given, method, urls);
  }

  get #dpop() {
    // Few clients use DPoP, so the package does not load this module at import.
    const { DpopValidation } = require('./validate-dpop.js');
    this.#dpopValidation ??= new DpopValidation(this.#native, this.context, this.#replay);
    return this.#dpopValidation;
  }

  /** Whether a token is validated locally, without asking the issuer. */
  isLocal(token) {
    return this.#native.isLocal(token);
  }

  /**
   * Validates a JWT locally.
   *
   * @param hasCachedFallback Whether the caller has a cache entry to fall back to. Then the wait for keys is short.
   */
  decideJwt(token, policy, possession, hasCachedFallback = false, customMethods = undefined) {
    if (typeof token !== 'string') return FAILURES.token_required;
    if (customMethods?.validateJwt) {
      return this.#decideByCustomMethod(customMethods.validateJwt, token, policy, possession);
    }
    const outcome = this.#decideWarm(token, policy, possession, hasCachedFallback);
    if (outcome !== undefined) return outcome;
    return token.trim() === '' ? FAILURES.token_required : FAILURES.token_malformed;
  }

  /** Validates a JWT. Returns `undefined` if the token is not a JWT. */
  #decideWarm(token, policy, possession, hasCachedFallback = false) {
    const outcome = this.#callWarm(token, policy, possession);
    if (typeof outcome === 'string') return this.#claimsFromText(token, outcome);
    // A comparison would call methods of an object, and a polluted prototype could turn it into a slot.
    if (typeof outcome === 'object') return failureIn(outcome);
    if (outcome >= 0) return this.#claimsFromSlot(token, outcome);
    if (outcome === NOT_A_JWT) return undefined;
    if (outcome === NEEDS_KEYS) return this.#afterKeys(token, policy, possession, hasCachedFallback);
    if (outcome === IS_SLOW) return this.#onPool(token, policy, possession);
    return failureIn(outcome);
  }

  /** Calls the policy's warm function. It throws only on an internal error. Then the token is rejected. */
  #callWarm(token, policy, possession) {
    try {
      // Reading an argument costs time in the engine, also when it is `undefined`.
      if (possession === undefined) return policy.warm(token, dateNow());
      return policy.warm(token, dateNow(), possession.certificate, possession.proof);
    } catch {
      return FAILURES.internal.spec.outcomeCode;
    }
  }

  /** Validates a JWT with the caller's own JWK Set. */
  decideWithJwks(token, policy, possession, jwks) {
    if (typeof token !== 'string') return FAILURES.token_required;
    const { certificate, proof } = possession ?? NONE;
    const keys = textOfKeys(jwks);
    const outcome = this.#native.decideWithJwks(token, policy.handle, dateNow(), certificate, keys, proof);
    if (outcome !== IS_SLOW) return this.#settle(outcome, token);
    return this.#afterProof(token, proof, () => this.decideWithJwks(token, policy, possession, jwks));
  }

  /** Decides again after a slow proof was verified on another thread. */
  async #afterProof(token, proof, decideAgain) {
    const code = await proof.verifyOnPool(token);
    return code === 0 ? decideAgain() : failureOf(code);
  }

  /** Introspects a token, by the issuer or by a custom method. */
  async introspect(token, policy, possession, customMethods) {
    const { claims, failure } = await this.askIssuer(token, policy, possession, customMethods);
    return failure ?? claims;
  }

  /** Introspects a token. Returns `CheckedClaims`: a cache can keep valid claims that this route rejects. */
  async askIssuer(token, policy, possession, customMethods = undefined) {
    if (typeof token !== 'string' || token.trim() === '') return new CheckedClaims(undefined, FAILURES.token_required);
    if (customMethods?.introspect) {
      return this.#checker.check(await customMethods.introspect(), token, policy, possession);
    }
    // A proof that cannot be accepted is rejected before a request to the issuer.
    const code = possession?.proof?.checkRequest(token) ?? 0;
    if (code !== 0) return new CheckedClaims(undefined, failureOf(code));
    const pending = this.#native.introspect(token, dateNow());
    this.#userFunctions?.drain();
    const answer = await pending;
    const failure = typeof answer === 'string' ? undefined : failureIn(answer);
    introspected(this.context, failure);
    if (failure) return new CheckedClaims(undefined, failure);
    const claims = JSON.parse(answer);
    delete claims.active;
    return this.#checker.checkText(answer, claims, token, policy, possession);
  }

  /** Returns the failure of what a custom `validateAccessToken` returned, if it fails. */
  failureOfResult(result, token, policy, possession) {
    return this.#checker.failureOfResult(result, token, policy, possession);
  }

  async #decideByCustomMethod(customValidate, token, policy, possession) {
    const { claims, failure } = this.#checker.check(await customValidate(), token, policy, possession);
    return failure ?? claims;
  }

  /** Returns the metadata or the JWK Set as an object, or the failure to fetch it. */
  async document(kind, isForced) {
    const pending = this.#native[kind](isForced);
    this.#userFunctions?.drain();
    const answer = await pending;
    return typeof answer === 'string' ? JSON.parse(answer) : failureIn(answer);
  }

  /** Fetches the keys before the first JWT arrives. Returns the JWK Set or a failure. */
  async warmUp() {
    const metadata = this.#facts.needsMetadata ? await this.document('metadata', false) : undefined;
    return metadata instanceof Failure ? metadata : this.document('jwks', false);
  }

  setClockSkew(seconds) {
    this.#native.setClockSkew(checkedSeconds('clockSkew', seconds));
  }

  setClockTolerance(seconds) {
    this.#native.setClockTolerance(checkedSeconds('clockTolerance', seconds));
  }

  health() {
    return healthOf(this.#native);
  }

  async #afterKeys(token, policy, possession, hasCachedFallback) {
    for (let round = 1; ; round += 1) {
      const refresh = this.#keyRefresh.wait(round, hasCachedFallback);
      if (refresh === undefined) return FAILURES.timed_out;
      const isRefreshed = await refresh;
      const { certificate, proof } = possession ?? NONE;
      const outcome = isRefreshed
        ? this.#native.decide(token, policy.handle, dateNow(), certificate, proof)
        : this.#callWarm(token, policy, possession);
      if (outcome === IS_SLOW) return this.#onPool(token, policy, possession);
      if (outcome !== NEEDS_KEYS) return this.#settle(outcome, token);
    }
  }

  async #onPool(token, policy, possession) {
    const { certificate, proof } = possession ?? NONE;
    const outcome = await this.#native.decideOnPool(token, policy.handle, dateNow(), certificate, proof);
    // The keys changed during the validation, and a refresh is running. The client may retry at once.
    return outcome === NEEDS_KEYS ? FAILURES.timed_out : this.#settle(outcome, token);
  }

  /** Publishes how a decision ends. */
  #publish(token, outcome) {
    if (isPending(outcome)) return outcome.then((ended) => this.#publish(token, ended));
    const isJwt = typeof token === 'string' && this.isLocal(token);
    decided(this.context, isJwt ? 'jwt' : 'opaque', outcome);
    return outcome;
  }

  #settle(outcome, token) {
    if (typeof outcome === 'string') return this.#claimsFromText(token, outcome);
    return typeof outcome === 'number' && outcome >= 0 ? this.#claimsFromSlot(token, outcome) : failureIn(outcome);
  }

  /** Returns the claims that the engine wrote as JSON or as a filled claims template. */
  #claimsFromText(token, text) {
    if (!ClaimsTemplates.isFilledTemplate(text)) return JSON.parse(text);
    return (
      this.#templates.claims(text, (id) => this.#native.claimsTemplate(id)) ?? JSON.parse(native.decodeClaims(token))
    );
  }

  /** Returns a copy of the claims of a verified token. They are parsed once per slot. */
  #claimsFromSlot(token, slot) {
    const claims = this.#slots.claims(slot, () => {
      const text = this.#native.claims(token, slot);
      return text === null ? undefined : { claims: JSON.parse(text) };
    });
    // After a validation on the pool, another token may have replaced this one in the slot. The token is still valid.
    return claims ?? JSON.parse(native.decodeClaims(token));
  }

  #cachedValidation(cache) {
    // Few clients have a cache, so the package does not load this module at import.
    const { CachedValidation } = require('./validate-cached.js');
    return new CachedValidation(this.#native, cache, this.context, {
      keepsIntrospected: this.#facts.cachesIntrospected,
      decideJwt: this.decideJwt.bind(this),
      askIssuer: this.askIssuer.bind(this),
    });
  }
}

/** The failure that the engine returned: the code of a reason, or an object that also has the detail of an exchange. */
function failureIn(outcome) {
  return typeof outcome === 'number' ? failureOf(outcome) : failureOf(outcome.code, own(outcome, 'detail'));
}

function userFunctionsOf(engine, functions, timeoutMs) {
  // Few clients have such functions, so the package does not load this module at import.
  const { UserFunctions } = require('./user-functions.js');
  return new UserFunctions(engine, functions, timeoutMs);
}

function textOfKeys(jwks) {
  try {
    return textOf(jwks);
  } catch {
    throw invalid('jwks must be a JWK Set');
  }
}

module.exports = { Validator };
