'use strict';

/**
 * What `protectApi` does for any framework: find the token, decide, find the certificate when it matters.
 *
 * Gives claims or a `Reply`; at once when the engine answers at once and no resolver has to be waited for.
 */

const { bearerToken } = require('./bearer.js');
const { checkedOptions, invalid, isPlain, memberOf } = require('./arguments.js');
const { MonoCloudBackendNodeClient, anyCoreOf, checkResult, coreOf } = require('./client.js');
const { FAILURES, Failure } = require('./errors.js');
const { routeSpec } = require('./policies.js');
const { NO_TOKEN, RESOLVER_FAILED, replyTo } = require('./reply.js');

/** What `protectApi` takes beside a client. */
const OPTIONS = ['tokenResolver', 'certificateResolver'];

/** Reads `protectApi`'s arguments; gives `protect`'s engine: a function from route options to a route's decision. */
function protector(clientOrOptions, maybeOptions) {
  const isClient = typeof memberOf(clientOrOptions, 'validateAccessToken') === 'function';
  const given = isClient ? maybeOptions : (clientOrOptions ?? maybeOptions);
  const { tokenResolver, certificateResolver } = checkedOptions('protectApi()', given, OPTIONS);
  const client = isClient ? clientOrOptions : new MonoCloudBackendNodeClient();
  checkResolver('tokenResolver', tokenResolver);
  checkResolver('certificateResolver', certificateResolver);
  return (routeOptions) => new Route(client, routeOptions, tokenResolver, certificateResolver);
}

/** What a route says that needs no certificate. */
const IGNORED = [false, 'dangerously_ignore'];

class Route {
  #client;
  #options;
  #policy;
  #tokenResolver;
  #certificateResolver;

  constructor(client, options, tokenResolver = undefined, certificateResolver = undefined) {
    checkIsCalled(options);
    this.#client = client;
    // Copies: what is decided on is what was asked for when the route was made.
    const spec = routeSpec(options);
    this.#options = { scopes: spec.scopes, groups: spec.groups, validateCertificateBinding: spec.givenBinding };
    this.#policy = anyCoreOf(client)?.policies.route(spec);
    this.#tokenResolver = tokenResolver;
    this.#certificateResolver = certificateResolver;
  }

  /**
   * @param request What the resolvers get.
   * @param raw The request of `node:http`.
   */
  decide(request, raw) {
    if (this.#tokenResolver) return this.#decideResolved(request, raw);
    const token = bearerToken(raw);
    return token === undefined ? NO_TOKEN : this.#decideFound(token, request);
  }

  async #decideResolved(request, raw) {
    let token;
    try {
      token = await this.#tokenResolver(request);
    } catch {
      return RESOLVER_FAILED;
    }
    const found = typeof token === 'string' && token.trim() !== '' ? token.trim() : bearerToken(raw);
    return found === undefined ? NO_TOKEN : this.#decideFound(found, request);
  }

  /** What is thrown instead of given is a defect: nobody is let in, and the application is not told to handle it. */
  #decideFound(token, request) {
    try {
      return this.#decideToken(token, request);
    } catch (error) {
      return this.#reply(error);
    }
  }

  #decideToken(token, request) {
    const core = coreOf(this.#client);
    if (core === undefined) return this.#validate(token, request);
    // A token that only the issuer can read may be bound: one question to it, with the certificate in hand.
    if (this.#certificateResolver && core.checksBinding(this.#policy) && !core.isLocal(token)) {
      return this.#decideBound(token, request);
    }
    const outcome = core.decide(token, this.#policy, undefined);
    return outcome instanceof Promise
      ? outcome.then((decided) => this.#conclude(decided, token, request)).catch((error) => this.#reply(error))
      : this.#conclude(outcome, token, request);
  }

  #conclude(outcome, token, request) {
    if (!(outcome instanceof Failure)) return outcome;
    // Bound to a certificate: only now is there a reason to look for it.
    const isMissing = outcome === FAILURES.certificate_missing;
    return isMissing && this.#certificateResolver ? this.#decideBound(token, request) : this.#reply(outcome);
  }

  async #decideBound(token, request) {
    const certificate = await this.#certificate(request);
    if (certificate === RESOLVER_FAILED) return RESOLVER_FAILED;
    try {
      const outcome = await coreOf(this.#client).decide(token, this.#policy, certificate);
      return outcome instanceof Failure ? this.#reply(outcome) : outcome;
    } catch (error) {
      return this.#reply(error);
    }
  }

  /** A subclass, a spy or another client: by its public method, and its errors. */
  async #validate(token, request) {
    const { scopes, groups, validateCertificateBinding } = this.#options;
    const options = { scopes: [...scopes], groups: [...groups], validateCertificateBinding, clientCertificate: undefined };
    if (this.#certificateResolver && !IGNORED.includes(options.validateCertificateBinding)) {
      options.clientCertificate = await this.#certificate(request);
      if (options.clientCertificate === RESOLVER_FAILED) return RESOLVER_FAILED;
    }
    try {
      const result = await this.#client.validateAccessToken(token, options);
      const outcome = checkResult(this.#client, result, token, this.#policy, options.clientCertificate);
      return outcome instanceof Failure ? this.#reply(outcome) : outcome;
    } catch (error) {
      return this.#reply(error);
    }
  }

  async #certificate(request) {
    try {
      const certificate = await this.#certificateResolver(request);
      return typeof certificate === 'string' ? certificate : undefined;
    } catch {
      return RESOLVER_FAILED;
    }
  }

  #reply(problem) {
    return replyTo(problem, this.#options.scopes);
  }
}

/** A framework that got `protect` itself as a handler calls it with its request. */
function checkIsCalled(options) {
  if (typeof options !== 'object' || options === null || Array.isArray(options) || isPlain(options)) return;
  throw invalid('protect() takes a plain object of options. Was protect put on a route without being called? Write protect(), as in app.get(path, protect(), handler)');
}

function checkResolver(name, resolver) {
  if (resolver === undefined || resolver === null || typeof resolver === 'function') return;
  throw invalid(`${name} must be a function`);
}

module.exports = { protector };
