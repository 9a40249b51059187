'use strict';

/**
 * One client's way through the engine: the warm call first, then whatever it says is missing.
 *
 * Gives claims or a `Failure`, at once or as a promise. No rule is decided here.
 */

const native = require('./engine.js');
const { Slots } = require('./copy.js');
const { FAILURES, Failure, MonoCloudValidationError, failureOf } = require('./errors.js');
const { decided, introspected, isWatched, keysReporter } = require('./events.js');
const { Forms } = require('./forms.js');
const { KeysWait } = require('./keys-wait.js');
const { isPending } = require('./pending.js');
const { Policies } = require('./policies.js');
const { settingsOf } = require('./settings.js');

/** The engine's numbers that are no failure. */
const NEEDS_KEYS = -1;
const IS_SLOW = -2;
const NOT_A_JWT = -4;
/** A flight that was joined may have left too early; two more are always enough. */
const MAX_ROUNDS = 3;

class Core {
  #native;
  #warm;
  #host;
  #cache;
  #keysWait;
  /** With a resolver for the keys alone, JWTs need no metadata. */
  #needsMetadata;
  /** With `introspectJwtTokens` the issuer decides on every token. */
  #introspectsAll;
  #slots = new Slots(() => this.#native.released());
  #forms = new Forms();

  constructor(flavour, options) {
    const { settings, functions } = settingsOf(flavour, options);
    try {
      this.#native = new native.MonoCloudBackendNodeClient(settings);
    } catch (error) {
      if (error?.name === 'MonoCloudHttpError') throw error;
      throw new MonoCloudValidationError(error.message, undefined, 'option_invalid');
    }
    /** `{ issuer, audience }`: what this client is called in events and to a shared cache. */
    this.context = JSON.parse(this.#native.context());
    this.#needsMetadata = !options.jwksResolver || Boolean(options.metadataResolver);
    if (functions) this.#host = hostOf(this.#native, functions);
    this.#keysWait = new KeysWait(this.#native, this.#host);
    // Weakly: the engine keeps this function for as long as the client keeps the engine.
    const host = this.#host && new WeakRef(this.#host);
    this.#warm = this.#native.warm(() => host?.deref()?.drain());
    this.#introspectsAll = !this.#native.isLocal('a.b.c');
    this.#native.observe(keysReporter(this.context));
    this.policies = new Policies(this.#native);
    if (options.cache) this.#cache = cacheOf(this, this.#native, options.cache);
  }

  /**
   * Decides on any token: claims, a failure, or a promise of either.
   *
   * @param override Validates instead of the engine: a subclass's methods, told whether the token is a local JWT.
   */
  decide(token, policy, certificate, override) {
    const outcome = this.#decide(token, policy, certificate, override);
    return isWatched() ? this.#tell(token, outcome) : outcome;
  }

  #decide(token, policy, certificate, override) {
    if (typeof token !== 'string') return FAILURES.token_required;
    if (this.#cache) return this.#cache.decide(token, policy, certificate, override);
    if (override) return token.trim() === '' ? FAILURES.token_required : override(this.isLocal(token));
    if (this.#introspectsAll) return this.introspect(token, policy, certificate);
    return this.#decideWarm(token, policy, certificate) ?? this.introspect(token, policy, certificate);
  }

  /** Whether the engine could want a certificate for this policy. */
  checksBinding(policy) {
    return policy.binding === undefined ? !this.#native.ignoresBinding() : policy.binding !== 'ignore';
  }

  /** Whether a token is validated here, and not by the issuer. */
  isLocal(token) {
    return this.#native.isLocal(token);
  }

  /**
   * Decides on a JWT locally.
   *
   * @param hasStandIn The caller has something else to go by: it does not wait long for keys.
   */
  decideJwt(token, policy, certificate, hasStandIn = false) {
    if (typeof token !== 'string') return FAILURES.token_required;
    const outcome = this.#decideWarm(token, policy, certificate, hasStandIn);
    if (outcome !== undefined) return outcome;
    return token.trim() === '' ? FAILURES.token_required : FAILURES.token_malformed;
  }

  /** Decides on a JWT; gives nothing when the token is not one. */
  #decideWarm(token, policy, certificate, hasStandIn = false) {
    const number = policy.number ?? this.policies.numberOf(policy);
    const outcome = this.#callWarm(token, number, certificate);
    if (typeof outcome === 'string') return this.#read(token, outcome);
    if (outcome >= 0) return this.#recall(token, outcome);
    if (outcome === NOT_A_JWT) return undefined;
    if (outcome === NEEDS_KEYS) return this.#afterKeys(token, policy, certificate, hasStandIn);
    if (outcome === IS_SLOW) return this.#onPool(token, policy, certificate);
    return this.#failure(outcome);
  }

  /** The one call. What it throws is a panic that was caught, a defect of ours: nobody is let in. */
  #callWarm(token, number, certificate) {
    try {
      const now = Date.now() / 1000;
      // An argument that says nothing still costs its reading.
      return certificate === undefined ? this.#warm(token, number, now) : this.#warm(token, number, now, certificate);
    } catch {
      return FAILURES.internal.spec.number;
    }
  }

  /** Decides on a JWT against the caller's own JWK Set. */
  decideWithJwks(token, policy, certificate, jwks) {
    if (typeof token !== 'string') return FAILURES.token_required;
    const number = this.policies.numberOf(policy);
    const text = textOf(jwks);
    return this.#settle(this.#native.decideWithJwks(token, number, Date.now() / 1000, certificate, text), token);
  }

  /** Asks the issuer, then decides on its answer. */
  async introspect(token, policy, certificate) {
    const { claims, failure } = await this.askIssuer(token, policy, certificate);
    return failure ?? claims;
  }

  /** The same, with the claims also where the route refuses them: they are good, and worth keeping. */
  async askIssuer(token, policy, certificate) {
    if (typeof token !== 'string' || token.trim() === '') return { failure: FAILURES.token_required };
    const pending = this.#native.introspect(token, Date.now() / 1000);
    this.#host?.drain();
    const answer = await pending;
    const problem = typeof answer === 'string' ? undefined : failureOf(answer.reason, answer.detail);
    introspected(this.context, problem);
    if (problem) return { failure: problem };
    const number = this.policies.numberOf(policy);
    const verdict = this.#native.decideIntrospected(token, number, Date.now() / 1000, certificate, answer);
    const claims = JSON.parse(answer);
    delete claims.active;
    if (verdict === 0) return { claims };
    const failure = failureOf(verdict);
    return isAboutRequest(failure) ? { claims, failure } : { failure };
  }

  /** The metadata or the JWK Set, parsed, or the failure to get it. */
  async document(kind, isForced) {
    const pending = this.#native[kind](isForced);
    this.#host?.drain();
    const answer = await pending;
    return typeof answer === 'string' ? JSON.parse(answer) : failureOf(answer.reason, answer.detail);
  }

  /** Fetches what JWTs need, ahead of them: the keys, or the failure. */
  async warmUp() {
    const metadata = this.#needsMetadata ? await this.document('metadata', false) : undefined;
    return metadata instanceof Failure ? metadata : this.document('jwks', false);
  }

  /** Whether no keys ever came: not that those that did are too old. */
  hadNoKeys() {
    return this.health().keys.age === undefined;
  }

  setClockSkew(seconds) {
    this.#native.setClockSkew(checkedSeconds('clockSkew', seconds));
  }

  setClockTolerance(seconds) {
    this.#native.setClockTolerance(checkedSeconds('clockTolerance', seconds));
  }

  health() {
    return { ready: this.#native.hasUsableKeys(), ...withUndefined(JSON.parse(this.#native.health())) };
  }

  async #afterKeys(token, policy, certificate, hasStandIn) {
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      // Old keys could serve: then nobody waits long for newer ones. Not twice, for a key may be missing.
      const mayGiveUp = round === 1 && (hasStandIn || this.#native.hasUsableKeys());
      const isDone = await this.#keysWait.wait(mayGiveUp);
      const number = this.policies.numberOf(policy);
      const outcome =
        isDone || round === MAX_ROUNDS
          ? this.#native.decide(token, number, Date.now() / 1000, certificate)
          : this.#callWarm(token, number, certificate);
      if (outcome === IS_SLOW) return this.#onPool(token, policy, certificate);
      if (outcome !== NEEDS_KEYS) return this.#settle(outcome, token);
    }
    return FAILURES.timed_out;
  }

  async #onPool(token, policy, certificate) {
    const number = this.policies.numberOf(policy);
    const outcome = await this.#native.decideOnPool(token, number, Date.now() / 1000, certificate);
    // The keys changed meanwhile, and newer ones are under way: the client may ask again at once.
    return outcome === NEEDS_KEYS ? FAILURES.timed_out : this.#settle(outcome, token);
  }

  /** Tells those who watch how a decision ended, when it has. */
  #tell(token, outcome) {
    if (isPending(outcome)) return outcome.then((ended) => this.#tell(token, ended));
    const isJwt = typeof token === 'string' && this.isLocal(token);
    decided(this.context, isJwt ? 'jwt' : 'opaque', outcome);
    return outcome;
  }

  #settle(outcome, token) {
    if (typeof outcome === 'string') return this.#read(token, outcome);
    return outcome >= 0 ? this.#recall(token, outcome) : this.#failure(outcome);
  }

  /** Claims that the engine gave as text. */
  #read(token, text) {
    if (!Forms.isForm(text)) return JSON.parse(text);
    return this.#forms.claims(text, (number) => this.#native.form(number)) ?? JSON.parse(native.decodeClaims(token));
  }

  /** A copy of claims that were parsed before. */
  #recall(token, slot) {
    const claims = this.#slots.claims(slot, () => {
      const text = this.#native.claims(token, slot);
      return text === null ? undefined : { claims: JSON.parse(text) };
    });
    // Between the pool's verdict and this turn another token may have taken the place: the verdict stands.
    return claims ?? JSON.parse(native.decodeClaims(token));
  }

  #failure(number) {
    const failure = failureOf(number);
    if (failure.spec.name === 'MonoCloudTokenError') return failure;
    const last = this.#native.failure();
    return last?.reason === number ? failureOf(number, last.detail) : failure;
  }
}

// Few clients have either, so neither is loaded by importing the package.

function hostOf(engine, functions) {
  const { Host } = require('./host.js');
  return new Host(engine, functions);
}

function cacheOf(core, engine, cache) {
  const { CacheFlow } = require('./cache-flow.js');
  return new CacheFlow(core, engine, cache);
}

/** Reasons that say nothing against the claims: this route, or this caller's certificate, was refused. */
const ABOUT_CERTIFICATE = new Set([
  'certificate_invalid',
  'certificate_mismatch',
  'certificate_missing',
  'confirmation_missing',
]);

function isAboutRequest({ spec }) {
  return spec.code !== 'invalid_token' || ABOUT_CERTIFICATE.has(spec.reason);
}

/** JSON's null is our undefined: the members stay. */
function withUndefined(object) {
  for (const [name, value] of Object.entries(object)) {
    object[name] = typeof value === 'object' && value !== null ? withUndefined(value) : (value ?? undefined);
  }
  return object;
}

function textOf(jwks) {
  try {
    return JSON.stringify(jwks);
  } catch {
    throw new MonoCloudValidationError('jwks must be a JWK Set', undefined, 'argument_invalid');
  }
}

function checkedSeconds(name, seconds) {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) {
    throw new MonoCloudValidationError(`${name} must be a number of seconds, 0 or more`, undefined, 'argument_invalid');
  }
  return seconds;
}

module.exports = { Core };
