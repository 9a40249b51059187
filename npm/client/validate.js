'use strict';

/**
 * One client's way through the engine: the warm call first, then whatever it says is missing.
 *
 * Gives claims or a `Failure`, at once or as a promise. No rule is decided here.
 */

const native = require('../native/panic-guard.js');
const { Slots } = require('./claims.js');
const { invalid, isPlain, own } = require('./arguments.js');
const { FAILURES, Failure, failureOf } = require('../errors/errors.js');
const { decided, introspected, isWatched, keysReporter } = require('./events.js');
const { ClaimsTemplates } = require('./claims-template.js');
const { textOf, textOfMembers } = require('./json.js');
const { KeyRefresh } = require('./key-refresh.js');
const { isPending } = require('./pending.js');
const { Policies } = require('./policy.js');
const { settingsOf } = require('./options.js');
const { dateNow } = require('./time.js');

/** The engine's numbers that are no failure. */
const NEEDS_KEYS = -1;
const IS_SLOW = -2;
const NOT_A_JWT = -4;

/** What every claims set of an accepted token has one of. */
const CLAIMS_SET = ['aud', 'exp', 'iss'];

/** Claims, and what speaks against them on this call, if anything does. */
class Answer {
  constructor(claims, failure) {
    this.claims = claims;
    this.failure = failure;
  }
}

class Core {
  #native;
  #host;
  #cache;
  #keyRefresh;
  /** With a resolver for the keys alone, JWTs need no metadata. */
  #needsMetadata;
  /** With `introspectJwtTokens` the issuer decides on every token. */
  #introspectsAll;
  #slots = new Slots(() => this.#native.released());
  #forms = new ClaimsTemplates();

  constructor(flavour, options) {
    const { settings, functions } = settingsOf(flavour, options);
    try {
      this.#native = new native.MonoCloudBackendNodeClient(settings);
    } catch (error) {
      throw error?.name === 'MonoCloudHttpError' ? error : invalid(error.message, 'option_invalid');
    }
    /** `{ issuer, audience }`: what this client is called in events and to a shared cache. */
    this.context = JSON.parse(this.#native.context());
    this.#needsMetadata = !options.jwksResolver || Boolean(options.metadataResolver);
    if (functions) this.#host = hostOf(this.#native, functions);
    this.#keyRefresh = new KeyRefresh(this.#native, this.#host);
    if (this.#host) {
      // Weakly: the engine keeps this function for as long as the client keeps the engine.
      const host = new WeakRef(this.#host);
      this.#native.onRequests(() => host.deref()?.drain());
    }
    this.#introspectsAll = !this.#native.isLocal('a.b.c');
    this.#native.observe(keysReporter(this.context));
    this.policies = new Policies(this.#native);
    if (options.cache) this.#cache = cacheOf(this, this.#native, options.cache);
  }

  /**
   * Decides on any token: claims, a failure, or a promise of either.
   *
   * @param overrides `{ jwt, opaque }`: a subclass's methods, each a function that gives claims, or nothing where the
   *   engine validates. What they give is decided on.
   */
  decide(token, policy, certificate, overrides) {
    const outcome = this.#decide(token, policy, certificate, overrides);
    return isWatched() ? this.#tell(token, outcome) : outcome;
  }

  #decide(token, policy, certificate, overrides) {
    if (typeof token !== 'string') return FAILURES.token_required;
    if (this.#cache) return this.#cache.decide(token, policy, certificate, overrides);
    if (overrides !== undefined) return this.#decideOverridden(token, policy, certificate, overrides);
    if (this.#introspectsAll) return this.introspect(token, policy, certificate);
    return this.#decideWarm(token, policy, certificate) ?? this.introspect(token, policy, certificate);
  }

  #decideOverridden(token, policy, certificate, overrides) {
    if (token.trim() === '') return FAILURES.token_required;
    return this.isLocal(token)
      ? this.decideJwt(token, policy, certificate, false, overrides)
      : this.introspect(token, policy, certificate, overrides);
  }

  /** Whether the engine could want a certificate for this policy. */
  checksBinding(policy) {
    return policy.binding === undefined ? !this.#native.ignoresBinding() : policy.binding !== 'dangerously_ignore';
  }

  /** Whether a token is validated here, and not by the issuer. */
  isLocal(token) {
    return this.#native.isLocal(token);
  }

  /**
   * Decides on a JWT locally.
   *
   * @param hasCachedFallback The caller has something else to go by: it does not wait long for keys.
   */
  decideJwt(token, policy, certificate, hasCachedFallback = false, overrides = undefined) {
    if (typeof token !== 'string') return FAILURES.token_required;
    if (overrides?.jwt) return this.#validated(overrides.jwt, token, policy, certificate);
    const outcome = this.#decideWarm(token, policy, certificate, hasCachedFallback);
    if (outcome !== undefined) return outcome;
    return token.trim() === '' ? FAILURES.token_required : FAILURES.token_malformed;
  }

  /** Decides on a JWT; gives nothing when the token is not one. */
  #decideWarm(token, policy, certificate, hasCachedFallback = false) {
    const outcome = this.#callWarm(token, policy, certificate);
    if (typeof outcome === 'string') return this.#read(token, outcome);
    if (outcome >= 0) return this.#recall(token, outcome);
    if (outcome === NOT_A_JWT) return undefined;
    if (outcome === NEEDS_KEYS) return this.#afterKeys(token, policy, certificate, hasCachedFallback);
    if (outcome === IS_SLOW) return this.#onPool(token, policy, certificate);
    return this.#failure(outcome);
  }

  /** The one call. What it throws is a panic that was caught, a defect of ours: nobody is let in. */
  #callWarm(token, policy, certificate) {
    try {
      // An argument that says nothing still costs its reading.
      return certificate === undefined
        ? policy.warm(token, dateNow())
        : policy.warm(token, dateNow(), certificate);
    } catch {
      return FAILURES.internal.spec.number;
    }
  }

  /** Decides on a JWT against the caller's own JWK Set. */
  decideWithJwks(token, policy, certificate, jwks) {
    if (typeof token !== 'string') return FAILURES.token_required;
    const outcome = this.#native.decideWithJwks(token, policy.handle, dateNow(), certificate, textOfKeys(jwks));
    return this.#settle(outcome, token);
  }

  /** Asks the issuer, or who asks in its place, then decides on the answer. */
  async introspect(token, policy, certificate, overrides) {
    const { claims, failure } = await this.askIssuer(token, policy, certificate, overrides);
    return failure ?? claims;
  }

  /** The same, with the claims also where the route refuses them: they are good, and worth keeping. */
  async askIssuer(token, policy, certificate, overrides = undefined) {
    if (typeof token !== 'string' || token.trim() === '') return new Answer(undefined, FAILURES.token_required);
    if (overrides?.opaque) return this.check(await overrides.opaque(), token, policy, certificate);
    const pending = this.#native.introspect(token, dateNow());
    this.#host?.drain();
    const answer = await pending;
    const problem = typeof answer === 'string' ? undefined : failureIn(answer);
    introspected(this.context, problem);
    if (problem) return new Answer(undefined, problem);
    const claims = JSON.parse(answer);
    delete claims.active;
    return this.#checkText(answer, claims, token, policy, certificate);
  }

  /**
   * Decides on claims that a subclass's method, or a spy, gave: audience, times, binding, scopes and groups, and the
   * issuer where they name one. They are given back as they came.
   */
  check(claims, token, policy, certificate) {
    if (!isPlain(claims)) return new Answer(undefined, FAILURES.claims_invalid);
    return this.#checkText(textOfMembers(claims), claims, token, policy, certificate);
  }

  /**
   * The same for what an overridden `validateAccessToken` gave. That decides by itself what an accepted token becomes:
   * an object without `aud`, `exp` and `iss` is no claims set, and an absent `aud` was its own affair.
   */
  checkResult(result, token, policy, certificate) {
    if (!CLAIMS_SET.some((name) => Object.hasOwn(result, name))) return new Answer(result, undefined);
    const claims = { __proto__: null, ...result };
    claims.aud ??= this.context.audience;
    const { failure } = this.#checkText(textOfMembers(claims), claims, token, policy, certificate);
    return new Answer(result, failure);
  }

  async #validated(validate, token, policy, certificate) {
    const { claims, failure } = this.check(await validate(), token, policy, certificate);
    return failure ?? claims;
  }

  #checkText(text, claims, token, policy, certificate) {
    const verdict = this.#native.decideIntrospected(token, policy.handle, dateNow(), certificate, text);
    if (verdict === 0) return new Answer(claims, undefined);
    const failure = failureOf(verdict);
    return new Answer(isAboutRequest(failure) ? claims : undefined, failure);
  }

  /** The metadata or the JWK Set, parsed, or the failure to get it. */
  async document(kind, isForced) {
    const pending = this.#native[kind](isForced);
    this.#host?.drain();
    const answer = await pending;
    return typeof answer === 'string' ? JSON.parse(answer) : failureIn(answer);
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

  async #afterKeys(token, policy, certificate, hasCachedFallback) {
    for (let round = 1; ; round += 1) {
      const refresh = this.#keyRefresh.wait(round, hasCachedFallback);
      if (refresh === undefined) return FAILURES.timed_out;
      const isRefreshed = await refresh;
      const outcome = isRefreshed
        ? this.#native.decide(token, policy.handle, dateNow(), certificate)
        : this.#callWarm(token, policy, certificate);
      if (outcome === IS_SLOW) return this.#onPool(token, policy, certificate);
      if (outcome !== NEEDS_KEYS) return this.#settle(outcome, token);
    }
  }

  async #onPool(token, policy, certificate) {
    const outcome = await this.#native.decideOnPool(token, policy.handle, dateNow(), certificate);
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
    if (!ClaimsTemplates.isForm(text)) return JSON.parse(text);
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
    return last?.reason === number ? failureIn(last) : failure;
  }
}

/** A failure that the engine gave with what the exchange left behind, if anything. */
function failureIn(answer) {
  return failureOf(answer.reason, own(answer, 'detail'));
}

// Few clients have either, so neither is loaded by importing the package.

function hostOf(engine, functions) {
  const { Host } = require('./user-functions.js');
  return new Host(engine, functions);
}

function cacheOf(core, engine, cache) {
  const { CachedValidation } = require('./validate-cached.js');
  return new CachedValidation(core, engine, cache);
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

function textOfKeys(jwks) {
  try {
    return textOf(jwks);
  } catch {
    throw invalid('jwks must be a JWK Set');
  }
}

function checkedSeconds(name, seconds) {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) {
    throw invalid(`${name} must be a number of seconds, 0 or more`);
  }
  return seconds;
}

module.exports = { Core };
