'use strict';

/**
 * What `protectApi` does for every framework: it finds the token, validates it, and finds the certificate if one is
 * needed.
 *
 * Returns claims, claims with headers (`Accepted`), or a `Response`. The result is synchronous if the engine answers
 * synchronously and there is no resolver to await.
 */

/**
 * @import { SpecType } from '../client/call-options.js'
 * @import { PolicyType } from '../client/policy.js'
 * @import { ValidatorType } from '../client/validate.js'
 * @import { Presented } from './dpop.js'
 * @import { RouteChoiceType } from './issuers.js'
 * @import { Message } from './headers.js'
 * @import { Framework } from './request-url.js'
 * @import { Api } from './api-options.js'
 * @import { Ask } from './authorize.js'
 * @import { Outcome, ResponseType } from './response.js'
 */
/** @typedef {Route} RouteType The class as a type, for other files. */

const { AMBIGUOUS, DpopCredentials, credentialsOf } = require('./credentials.js');
const { anyValidatorOf, checkResult, validatorOf } = require('../client/client.js');
const { FAILURES, Failure } = require('../errors/errors.js');
const { isAnswerWatched, resolverFailed } = require('../client/events.js');
const { isPending } = require('../client/pending.js');
const { routeSpec } = require('../client/call-options.js');
const { possessionOf } = require('../client/possession.js');
const { apiOf, checkNotRequest } = require('./api-options.js');
const { neededScopes } = require('./challenge.js');
const { isPreflight } = require('./preflight.js');
const { authorizeFailed, kindOf, originOf, watching } = require('./origin.js');
const { isRenewal } = require('./renewal.js');
const { callOptionsOf, needsCertificate, requirementsOf } = require('./requirements.js');
const { FAILED, textOf } = require('./resolver.js');
const { gateOf } = require('./authorize.js');
const { ANONYMOUS, Accepted, nonceHeaders } = require('./response.js');
const { nonceFor, responseOf } = require('./route-responses.js');

/**
 * Loaded on first use, because few APIs receive DPoP proofs.
 *
 * @type {typeof import('./dpop.js').requestProof | undefined}
 */
let requestProof;

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

class Route {
  #api;
  #client;
  #requirements;
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
  #authorize;
  #isOptional;
  /**
   * Set if the client of a request depends on its token.
   *
   * @type {RouteChoiceType<Route> | undefined}
   */
  #choice;
  #accepted;

  /**
   * @param {Api} api
   * @param {unknown} options
   * @param {SpecType} [spec] What was read from the options.
   */
  constructor(api, options, spec = specOf(options)) {
    const { client, tokenResolver, certificateResolver, allowPreflight } = api;
    this.#api = api;
    this.#client = client;
    // Copies, so that later changes to the caller's options do not change the route.
    this.#requirements = requirementsOf(spec);
    this.#policy = /** @type {PolicyType} */ (anyValidatorOf(client)?.policies.route(spec));
    this.#choice = api.choices?.forRoute((chosen) => new Route(chosen, options, spec));
    const policy = this.#policy ?? /** @type {PolicyType} */ ({ dpop: spec.dpopMode });
    this.#responses = api.responses(policy, spec.givenDpop !== undefined, neededScopes(spec.scopes, spec.anyScopes));
    this.#tokenResolver = tokenResolver;
    this.#certificateResolver = certificateResolver;
    this.#allowPreflight = allowPreflight === true;
    const gate = gateOf(options);
    this.#authorize = gate.ask;
    this.#isOptional = gate.isOptional;
    /** What changes the responses of this API. `undefined` if nothing does. */
    this.refusals = api.refusals;
    this.#accepted = api.accepted;
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
   * Decides on a request of any framework. Returns claims, `Accepted`, `ANONYMOUS` or a `Response`, or a promise of one of
   * them. Never throws or rejects: an unexpected error is an internal error, and the request is rejected.
   *
   * @param {Message} message What arrived. The object identifies the request: every guard that one request passes must
   *   get the same one.
   * @param {any} request The framework's request, which the resolvers receive.
   * @returns {Outcome | Promise<Outcome>}
   */
  authenticate(message, request) {
    const decision = this.#authenticate(message, request);
    if (!isAnswerWatched()) return decision;
    return watching().watchedAnswer(decision, anyValidatorOf(this.#client)?.context, message, request);
  }

  /**
   * @param {Message} message
   * @param {any} request
   * @returns {Outcome | Promise<Outcome>}
   */
  #authenticate(message, request) {
    try {
      if (this.letsThrough(message)) return ANONYMOUS;
      return this.#tokenResolver && !isRenewal(message)
        ? this.#decideResolved(message, request)
        : this.#decide(credentialsOf(message.headers, message.rawHeaders), message, request);
    } catch (error) {
      return this.#responseTo(error);
    }
  }

  /**
   * Returns the response to send for a refusal, in a framework whose guards return it.
   *
   * @param {ResponseType} refusal
   * @param {any} request The framework's request.
   * @returns {ResponseType | Promise<ResponseType>}
   */
  answer(refusal, request) {
    return this.refusals === undefined ? refusal : this.refusals.returned(refusal, request);
  }

  /**
   * Returns the response for a failure that the caller found in the claims.
   *
   * @param {unknown} failure
   * @param {Message} message
   */
  refuse(failure, message) {
    const scheme = this.#schemeOf(credentialsOf(message.headers, message.rawHeaders));
    return this.#because(failure, this.#responses[scheme].to(failure, this.#requirements, { scheme }));
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
      if (resolved) return await this.#decide(resolved, message, request);
      return await this.#decide(credentialsOf(message.headers, message.rawHeaders), message, request);
    } catch (error) {
      return this.#responseTo(error);
    }
  }

  /**
   * @param {ReturnType<typeof credentialsOf>} credentials
   * @param {Message} message
   * @param {any} request
   * @returns {Outcome | Promise<Outcome>}
   */
  #decide(credentials, message, request) {
    if (this.#choice?.isDefault && typeof credentials !== 'symbol' && credentials !== undefined) {
      return this.#decideChosen(this.#choice, credentials, message, request);
    }
    if (typeof credentials === 'string') return this.#decidePresent(credentials, request);
    if (credentials === undefined && this.#isOptional) return ANONYMOUS;
    if (credentials === AMBIGUOUS) return this.#responses.bearer.ambiguous;
    // Without a validator, as for a spy of a client of several issuers, nothing can check a proof.
    const isDpop = credentials instanceof DpopCredentials && this.#responses.knowsDpop && anyValidatorOf(this.#client);
    return isDpop ? this.#decideDpop(credentials.token, message, request) : this.#responses.bearer.noToken;
  }

  /**
   * Lets the route of the client decide that the token is for.
   *
   * @param {RouteChoiceType<Route>} choice
   * @param {string | InstanceType<typeof DpopCredentials>} credentials
   * @param {Message} message
   * @param {any} request
   * @returns {Outcome | Promise<Outcome>}
   */
  #decideChosen(choice, credentials, message, request) {
    const token = typeof credentials === 'string' ? credentials : credentials.token;
    const chosen = choice.of(token, request);
    return isPending(chosen)
      ? this.#decideWhenChosen(chosen, credentials, message, request)
      : this.#decideBy(chosen, credentials, message, request);
  }

  /**
   * @param {Exclude<ReturnType<RouteChoiceType<Route>['of']>, Promise<any>>} chosen
   * @param {string | InstanceType<typeof DpopCredentials>} credentials
   * @param {Message} message
   * @param {any} request
   * @returns {Outcome | Promise<Outcome>}
   */
  #decideBy(chosen, credentials, message, request) {
    if (typeof chosen !== 'symbol' && !(chosen instanceof Failure)) {
      return chosen.#decide(credentials, message, request);
    }
    const scheme = this.#schemeOf(credentials);
    if (chosen instanceof Failure) {
      return this.#because(chosen, this.#responses[scheme].to(chosen, this.#requirements, { scheme }));
    }
    this.#reportFailure('issuers', undefined);
    return this.#responses[scheme].resolverFailed;
  }

  /**
   * @param {Extract<ReturnType<RouteChoiceType<Route>['of']>, Promise<any>>} pending
   * @param {string | InstanceType<typeof DpopCredentials>} credentials
   * @param {Message} message
   * @param {any} request
   * @returns {Promise<Outcome>}
   */
  async #decideWhenChosen(pending, credentials, message, request) {
    try {
      return await this.#decideBy(await pending, credentials, message, request);
    } catch (error) {
      return this.#responseTo(error);
    }
  }

  /**
   * The scheme of the responses to a request.
   *
   * @param {ReturnType<typeof credentialsOf>} credentials
   */
  #schemeOf(credentials) {
    return credentials instanceof DpopCredentials && this.#responses.knowsDpop ? 'dpop' : 'bearer';
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
    const retried = this.#certificateResolver && FAILURES.certificate_missing;
    const outcome = validator.decide(token, this.#policy, possession, undefined, originOf(request, retried));
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
      : this.#decisionOf(outcome, token, request, presented);
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
      const outcome = await validator.decide(token, this.#policy, possession, undefined, originOf(request));
      return await this.#decisionOf(outcome, token, request, presented);
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
      const options = callOptionsOf(this.#requirements);
      const issuers = this.#choice?.allowedBy(request);
      if (typeof issuers === 'symbol') {
        this.#reportFailure('issuers', token);
        return this.#responses.bearer.resolverFailed;
      }
      if (issuers !== undefined) options.issuers = [...issuers];
      if (this.#certificateResolver && needsCertificate(this.#requirements)) {
        options.clientCertificate = await this.#certificate(request, token);
        if (options.clientCertificate === FAILED) return this.#responses.bearer.resolverFailed;
      }
      const result = await this.#client.validateAccessToken(token, this.#withProof(options, presented));
      const possession = possessionOf(options.clientCertificate, presented?.proof);
      const outcome = await checkResult(this.#client, result, token, this.#policy, possession);
      return await this.#decisionOf(outcome, token, request, presented);
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
    const { given, method, urls, proof, validator } = presented;
    return optionsWithProof(options, { given, method, url: urls[0] ?? '' }, proof, validator);
  }

  /**
   * Returns the decision for claims or a failure.
   *
   * @param {object} outcome
   * @param {string} token
   * @param {any} request
   * @param {Presented | undefined} presented
   * @returns {Outcome | Promise<Outcome>}
   */
  #decisionOf(outcome, token, request, presented) {
    if (outcome instanceof Failure) return this.#responseTo(outcome, presented);
    const claims = this.#accepted === undefined ? outcome : this.#accepted(outcome);
    if (this.#authorize === undefined) return this.#acceptedOf(claims, presented);
    return this.#authorized(this.#authorize, claims, token, request, presented);
  }

  /**
   * Asks the application, once everything else has passed.
   *
   * @param {Ask} authorize
   * @param {object} claims
   * @param {string} token
   * @param {any} request
   * @param {Presented | undefined} presented
   * @returns {Promise<Outcome>}
   */
  async #authorized(authorize, claims, token, request, presented) {
    const failure = await authorize(claims, request);
    if (failure === undefined) return this.#acceptedOf(claims, presented);
    authorizeFailed(anyValidatorOf(this.#client), token, request, presented, failure);
    return this.#responseTo(failure, presented);
  }

  /**
   * @param {object} claims
   * @param {Presented | undefined} presented
   */
  #acceptedOf(claims, presented) {
    const nonce = presented && nonceFor(presented);
    return nonce === undefined ? claims : new Accepted(claims, nonceHeaders(nonce));
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
   * @returns {Promise<any>}
   */
  async #resolve(name, resolver, request, token) {
    const found = await textOf(resolver, request);
    if (found === FAILED) this.#reportFailure(name, token);
    return found;
  }

  /**
   * @param {string} resolver
   * @param {string | undefined} token
   */
  #reportFailure(resolver, token) {
    const validator = anyValidatorOf(this.#client);
    resolverFailed(validator?.context, resolver, kindOf(validator, token));
  }

  /**
   * @param {any} problem
   * @param {Presented} [presented]
   */
  #responseTo(problem, presented) {
    return this.#because(problem, responseOf(this.#responses, problem, this.#requirements, presented));
  }

  /**
   * Returns a response that knows what it is the response to, if the application asks for that.
   *
   * @param {unknown} problem
   * @param {ResponseType} response
   */
  #because(problem, response) {
    return this.refusals === undefined ? response : response.with({ cause: problem });
  }
}

/** @param {unknown} options */
function specOf(options) {
  checkNotRequest(options);
  return routeSpec(options);
}

module.exports = { protector };
