'use strict';

/**
 * What `protectApi` does for every framework: it finds the token, validates it, and finds the certificate if one is
 * needed.
 *
 * Returns claims, claims with headers (`Accepted`), or a `Response`. The result is synchronous if the engine answers
 * synchronously and there is no resolver to await.
 */

/**
 * @import { PolicyType } from '../client/policy.js'
 * @import { ValidatorType } from '../client/validate.js'
 * @import { Presented } from './dpop.js'
 * @import { Message } from './headers.js'
 * @import { Framework } from './request-url.js'
 * @import { Api } from './api-options.js'
 * @import { Outcome, Presentation } from './response.js'
 */
/** @typedef {Route} RouteType The class as a type, for other files. */

const { AMBIGUOUS, DpopCredentials, credentialsOf } = require('./credentials.js');
const { anyValidatorOf, checkResult, validatorOf } = require('../client/client.js');
const { FAILURES, Failure } = require('../errors/errors.js');
const { resolverFailed } = require('../client/events.js');
const { isPending } = require('../client/pending.js');
const { routeSpec } = require('../client/call-options.js');
const { possessionOf } = require('../client/possession.js');
const { apiOf, checkNotRequest } = require('./api-options.js');
const { isPreflight } = require('./preflight.js');
const { isRenewal } = require('./renewal.js');
const { Accepted, DPOP, nonceHeaders } = require('./response.js');

/**
 * Loaded on first use, because few APIs receive DPoP proofs.
 *
 * @type {typeof import('./dpop.js').requestProof | undefined}
 */
let requestProof;

/** The result of a resolver that threw, or returned something other than text. */
const FAILED = Symbol('resolver failed');

/**
 * Reads the arguments of `protectApi`. Returns a function that creates a route from the options of `protect`.
 *
 * @param {any} clientOrOptions
 * @param {unknown} maybeOptions
 * @param {Framework} framework
 */
function protector(clientOrOptions, maybeOptions, framework) {
  const api = apiOf(clientOrOptions, maybeOptions, framework);
  /** @param {unknown} routeOptions */
  return (routeOptions) => new Route(api, routeOptions);
}

/**
 * The binding modes that need no certificate.
 *
 * @type {unknown[]}
 */
const MODES_WITHOUT_CERTIFICATE = [false, 'dangerously_ignore'];

class Route {
  #api;
  #client;
  #options;
  /**
   * Set if the client has a validator. Only the validator reads it.
   *
   * @type {PolicyType}
   */
  #policy;
  #responses;
  /** @type {any} */
  #tokenResolver;
  /** @type {any} */
  #certificateResolver;
  #allowPreflight;

  /**
   * @param {Api} api
   * @param {unknown} options
   */
  constructor(api, options) {
    checkNotRequest(options);
    const { client, tokenResolver, certificateResolver, allowPreflight } = api;
    this.#api = api;
    this.#client = client;
    // Copies, so that later changes to the caller's options do not change the route.
    const spec = routeSpec(options);
    const { scopes, groups, acr, maxAge, audience } = spec;
    const [validateCertificateBinding, validateDPoPBinding] = [spec.givenBinding, spec.givenDpop];
    this.#options = { scopes, groups, acr, maxAge, audience, validateCertificateBinding, validateDPoPBinding };
    this.#policy = /** @type {PolicyType} */ (anyValidatorOf(client)?.policies.route(spec));
    this.#responses = api.responses(this.#policy, spec.givenDpop !== undefined, scopes);
    this.#tokenResolver = tokenResolver;
    this.#certificateResolver = certificateResolver;
    this.#allowPreflight = allowPreflight === true;
  }

  /**
   * Whether a request passes without a token: a CORS preflight, if `allowPreflight` is on.
   *
   * @param {Message} message
   */
  letsThrough(message) {
    return this.#allowPreflight && isPreflight(message);
  }

  /**
   * Decides on a request of any framework. Returns claims, `Accepted` or a `Response`, or a promise of one of them.
   * Never throws or rejects: an unexpected error is an internal error, and the request is rejected.
   *
   * @param {Message} message What arrived. The object identifies the request: every guard that one request passes must
   *   get the same one.
   * @param {any} request The framework's request, which the resolvers receive.
   * @returns {Outcome | Promise<Outcome>}
   */
  authenticate(message, request) {
    try {
      return this.#tokenResolver && !isRenewal(message)
        ? this.#decideResolved(message, request)
        : this.#decide(credentialsOf(message.headers, message.rawHeaders), message, request);
    } catch (error) {
      return this.#responseTo(error);
    }
  }

  /**
   * Returns the response for a failure that the caller found in the claims.
   *
   * @param {unknown} failure
   * @param {Message} message
   */
  refuse(failure, message) {
    const isDpop = credentialsOf(message.headers, message.rawHeaders) instanceof DpopCredentials;
    const scheme = isDpop ? 'dpop' : 'bearer';
    return this.#responses[scheme].to(failure, this.#options, { scheme });
  }

  /**
   * @param {Message} message
   * @param {any} request
   * @returns {Promise<Outcome>}
   */
  async #decideResolved(message, request) {
    try {
      const token = await this.#resolve('tokenResolver', this.#tokenResolver, request);
      if (token === FAILED) return this.#responses.bearer.resolverFailed;
      // The resolver says which token counts. The scheme of the header says nothing about it.
      const resolved = token?.trim();
      if (resolved) return await this.#decidePresent(resolved, request);
      return await this.#decide(credentialsOf(message.headers, message.rawHeaders), message, request);
    } catch (error) {
      return this.#responseTo(error);
    }
  }

  /**
   * @param {ReturnType<typeof credentialsOf>} credentials
   * @param {Message} message
   * @param {any} request
   */
  #decide(credentials, message, request) {
    if (typeof credentials === 'string') return this.#decidePresent(credentials, request);
    if (credentials === AMBIGUOUS) return this.#responses.bearer.ambiguous;
    const isDpop = credentials instanceof DpopCredentials && this.#responses.knowsDpop;
    return isDpop ? this.#decideDpop(credentials.token, message, request) : this.#responses.bearer.noToken;
  }

  /**
   * @param {string} token
   * @param {Message} message
   * @param {any} request
   */
  #decideDpop(token, message, request) {
    requestProof ??= require('./dpop.js').requestProof;
    const validator = /** @type {ValidatorType} */ (anyValidatorOf(this.#client));
    const found = requestProof(this.#api, validator, message, request);
    // A symbol means that `urlResolver` failed.
    if (typeof found !== 'symbol') return this.#decidePresent(token, request, found);
    this.#reportFailure('urlResolver', token);
    return this.#responses.dpop.resolverFailed;
  }

  /**
   * @param {string} token
   * @param {any} request
   * @param {Presented} [presented] The proof of the request. `undefined` for a bearer token.
   * @returns {Outcome | Promise<Outcome>}
   */
  #decidePresent(token, request, presented) {
    const validator = validatorOf(this.#client);
    if (validator === undefined) return this.#validate(token, request, presented);
    // Only the issuer can read an opaque token, so its binding is not known before. One introspection with the
    // certificate is enough.
    if (this.#certificateResolver && validator.checksBinding(this.#policy) && !validator.isLocal(token)) {
      return this.#decideBound(token, request, presented);
    }
    const possession = presented && possessionOf(undefined, presented.proof);
    const outcome = validator.decide(token, this.#policy, possession);
    return isPending(outcome)
      ? this.#concludeLater(outcome, token, request, presented)
      : this.#conclude(outcome, token, request, presented);
  }

  /**
   * @param {Promise<object>} pending
   * @param {string} token
   * @param {any} request
   * @param {Presented | undefined} presented
   * @returns {Promise<Outcome>}
   */
  async #concludeLater(pending, token, request, presented) {
    try {
      return await this.#conclude(await pending, token, request, presented);
    } catch (error) {
      return this.#responseTo(error, presented);
    }
  }

  /**
   * @param {object} outcome
   * @param {string} token
   * @param {any} request
   * @param {Presented | undefined} presented
   * @returns {Outcome | Promise<Outcome>}
   */
  #conclude(outcome, token, request, presented) {
    // The token is bound to a certificate, so the certificate is needed now.
    const isMissing = outcome === FAILURES.certificate_missing;
    return isMissing && this.#certificateResolver
      ? this.#decideBound(token, request, presented)
      : this.#decisionOf(outcome, presented);
  }

  /**
   * @param {string} token
   * @param {any} request
   * @param {Presented | undefined} presented
   * @returns {Promise<Outcome>}
   */
  async #decideBound(token, request, presented) {
    try {
      const certificate = await this.#certificate(request, token);
      if (certificate === FAILED) return this.#responses.bearer.resolverFailed;
      const possession = possessionOf(certificate, presented?.proof);
      const validator = /** @type {ValidatorType} */ (validatorOf(this.#client));
      const outcome = await validator.decide(token, this.#policy, possession);
      return this.#decisionOf(outcome, presented);
    } catch (error) {
      return this.#responseTo(error, presented);
    }
  }

  /**
   * Validates through the public method of a subclass, a spy or another client, and handles the errors it throws.
   *
   * @param {string} token
   * @param {any} request
   * @param {Presented | undefined} presented
   * @returns {Promise<Outcome>}
   */
  async #validate(token, request, presented) {
    try {
      const { scopes, groups, acr, maxAge, audience, validateCertificateBinding, validateDPoPBinding } = this.#options;
      /** @type {Record<string, any>} */
      const options = { scopes: [...scopes], groups: [...groups], validateCertificateBinding };
      options.clientCertificate = undefined;
      // A client of another version does not know these.
      if (acr !== undefined) options.acr = [...acr];
      if (maxAge !== undefined) options.maxAge = maxAge;
      if (audience !== undefined) options.audience = [...audience];
      if (validateDPoPBinding !== undefined) options.validateDPoPBinding = validateDPoPBinding;
      if (this.#certificateResolver && !MODES_WITHOUT_CERTIFICATE.includes(options.validateCertificateBinding)) {
        options.clientCertificate = await this.#certificate(request, token);
        if (options.clientCertificate === FAILED) return this.#responses.bearer.resolverFailed;
      }
      const result = await this.#client.validateAccessToken(token, this.#withProof(options, presented));
      const possession = possessionOf(options.clientCertificate, presented?.proof);
      const outcome = await checkResult(this.#client, result, token, this.#policy, possession);
      return this.#decisionOf(outcome, presented);
    } catch (error) {
      return this.#responseTo(error, presented);
    }
  }

  /**
   * @param {object} options
   * @param {Presented | undefined} presented
   */
  #withProof(options, presented) {
    if (presented === undefined) return options;
    const { optionsWithProof } = require('../client/call-proof.js');
    const { given, method, urls, proof } = presented;
    const validator = /** @type {ValidatorType} */ (anyValidatorOf(this.#client));
    return optionsWithProof(options, { given, method, url: urls[0] ?? '' }, proof, validator);
  }

  /**
   * Returns the decision for claims or a failure.
   *
   * @param {object} outcome
   * @param {Presented | undefined} presented
   */
  #decisionOf(outcome, presented) {
    if (outcome instanceof Failure) return this.#responseTo(outcome, presented);
    const nonce = presented?.validator.nonceOf(presented.proof);
    return nonce === undefined ? outcome : new Accepted(outcome, nonceHeaders(nonce));
  }

  /**
   * @param {any} request
   * @param {string} token
   */
  #certificate(request, token) {
    return this.#resolve('certificateResolver', this.#certificateResolver, request, token);
  }

  /**
   * Calls a resolver. Returns text, `undefined`, or `FAILED` for any other result; a diagnostics event reports the
   * failure.
   *
   * @param {'tokenResolver' | 'certificateResolver'} name
   * @param {(request: any) => unknown} resolver
   * @param {any} request
   * @param {string} [token]
   */
  async #resolve(name, resolver, request, token) {
    try {
      const found = await resolver(request);
      if (typeof found === 'string') return found;
      // `condition && text` may return a falsy value, which means no result.
      if (!found) return undefined;
    } catch {
      // Reported below, without the error: its text may contain what the resolver read.
    }
    this.#reportFailure(name, token);
    return FAILED;
  }

  /**
   * @param {string} resolver
   * @param {string | undefined} token
   */
  #reportFailure(resolver, token) {
    const validator = anyValidatorOf(this.#client);
    const kind = validator && token !== undefined ? (validator.isLocal(token) ? 'jwt' : 'opaque') : undefined;
    resolverFailed(validator?.context, resolver, kind);
  }

  /**
   * @param {any} problem
   * @param {Presented} [presented]
   */
  #responseTo(problem, presented) {
    if (presented === undefined) {
      // Only a client that knows DPoP has a token that is bound to a key.
      const isBound = problem === FAILURES.dpop_scheme_required || problem?.reason === 'dpop_scheme_required';
      return this.#responses[isBound ? 'dpop' : 'bearer'].to(problem, this.#options);
    }
    const description = problem instanceof Failure ? problem.proof?.description : undefined;
    const nonce = presented.validator.nonceOf(presented.proof);
    const adds = description !== undefined || nonce !== undefined;
    const how = adds ? { __proto__: null, scheme: 'dpop', description, nonce } : DPOP;
    return this.#responses.dpop.to(problem, this.#options, /** @type {Presentation} */ (how));
  }
}

module.exports = { protector };
