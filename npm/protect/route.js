'use strict';

/**
 * What `protectApi` does for any framework: find the token, decide, find the certificate when it matters.
 *
 * Gives claims or a `Response`; at once when the engine answers at once and no resolver has to be waited for.
 */

const { bearerToken } = require('./credentials.js');
const { checkedOptions, invalid, isPlain, memberOf } = require('../client/arguments.js');
const { MonoCloudBackendNodeClient, anyCoreOf, checkResult, coreOf } = require('../client/client.js');
const { FAILURES, Failure } = require('../errors/errors.js');
const { resolverFailed } = require('../client/events.js');
const { isPending } = require('../client/pending.js');
const { routeSpec } = require('../client/policy.js');
const { isPreflight } = require('./preflight.js');
const { INTERNAL, NO_TOKEN, RESOLVER_FAILED, Response, responseTo } = require('./response.js');

/** What `protectApi` takes beside a client. */
const OPTIONS = ['tokenResolver', 'certificateResolver', 'allowPreflight'];

/** Reads `protectApi`'s arguments; gives `protect`'s engine: a function from route options to a route's decision. */
function protector(clientOrOptions, maybeOptions) {
  const isClient = typeof memberOf(clientOrOptions, 'validateAccessToken') === 'function';
  const given = isClient ? maybeOptions : (clientOrOptions ?? maybeOptions);
  const resolvers = checkedOptions('protectApi()', given, OPTIONS);
  const client = isClient ? clientOrOptions : new MonoCloudBackendNodeClient();
  checkResolver('tokenResolver', resolvers.tokenResolver);
  checkResolver('certificateResolver', resolvers.certificateResolver);
  checkFlag('allowPreflight', resolvers.allowPreflight);
  return (routeOptions) => new Route(client, routeOptions, resolvers);
}

/**
 * Sets `request.claims`, or gives the reply to send instead: nobody is let in without claims, and none are lost (a
 * frozen request, a setter that throws).
 */
function admit(decision, request) {
  if (decision instanceof Response) return decision;
  if (typeof decision !== 'object' || decision === null || isPending(decision)) return INTERNAL;
  try {
    request.claims = decision;
    return undefined;
  } catch {
    return INTERNAL;
  }
}

/** What a route says that needs no certificate. */
const IGNORED = [false, 'dangerously_ignore'];

class Route {
  #client;
  #options;
  #policy;
  #tokenResolver;
  #certificateResolver;
  #allowPreflight;

  constructor(client, options, { tokenResolver, certificateResolver, allowPreflight }) {
    checkIsCalled(options);
    this.#client = client;
    // Copies: what is decided on is what was asked for when the route was made.
    const spec = routeSpec(options);
    this.#options = { scopes: spec.scopes, groups: spec.groups, validateCertificateBinding: spec.givenBinding };
    this.#policy = anyCoreOf(client)?.policies.route(spec);
    this.#tokenResolver = tokenResolver;
    this.#certificateResolver = certificateResolver;
    this.#allowPreflight = allowPreflight === true;
  }

  /** Whether a request needs no decision: a CORS preflight, where the application wants these let through. */
  letsThrough(raw) {
    return this.#allowPreflight && isPreflight(raw);
  }

  /**
   * Claims or a `Response`, or a promise of either. Neither throws nor rejects: what is thrown instead of given is a
   * defect, nobody is let in, and the application is not told to handle it.
   *
   * @param request What the resolvers get.
   * @param raw The request of `node:http`.
   */
  decide(request, raw) {
    try {
      return this.#tokenResolver ? this.#decideResolved(request, raw) : this.#decideFound(bearerToken(raw), request);
    } catch (error) {
      return this.#reply(error);
    }
  }

  async #decideResolved(request, raw) {
    try {
      const token = await this.#resolve('tokenResolver', this.#tokenResolver, request);
      if (token === RESOLVER_FAILED) return RESOLVER_FAILED;
      return await this.#decideFound(token?.trim() || bearerToken(raw), request);
    } catch (error) {
      return this.#reply(error);
    }
  }

  #decideFound(token, request) {
    return token === undefined ? NO_TOKEN : this.#decideToken(token, request);
  }

  #decideToken(token, request) {
    const core = coreOf(this.#client);
    if (core === undefined) return this.#validate(token, request);
    // A token that only the issuer can read may be bound: one question to it, with the certificate in hand.
    if (this.#certificateResolver && core.checksBinding(this.#policy) && !core.isLocal(token)) {
      return this.#decideBound(token, request);
    }
    const outcome = core.decide(token, this.#policy, undefined);
    return isPending(outcome) ? this.#concludeLater(outcome, token, request) : this.#conclude(outcome, token, request);
  }

  async #concludeLater(pending, token, request) {
    try {
      return await this.#conclude(await pending, token, request);
    } catch (error) {
      return this.#reply(error);
    }
  }

  #conclude(outcome, token, request) {
    if (!(outcome instanceof Failure)) return outcome;
    // Bound to a certificate: only now is there a reason to look for it.
    const isMissing = outcome === FAILURES.certificate_missing;
    return isMissing && this.#certificateResolver ? this.#decideBound(token, request) : this.#reply(outcome);
  }

  async #decideBound(token, request) {
    try {
      const certificate = await this.#certificate(request, token);
      if (certificate === RESOLVER_FAILED) return RESOLVER_FAILED;
      const outcome = await coreOf(this.#client).decide(token, this.#policy, certificate);
      return outcome instanceof Failure ? this.#reply(outcome) : outcome;
    } catch (error) {
      return this.#reply(error);
    }
  }

  /** A subclass, a spy or another client: by its public method, and its errors. */
  async #validate(token, request) {
    try {
      const { scopes, groups, validateCertificateBinding } = this.#options;
      const options = { scopes: [...scopes], groups: [...groups], validateCertificateBinding, clientCertificate: undefined };
      if (this.#certificateResolver && !IGNORED.includes(options.validateCertificateBinding)) {
        options.clientCertificate = await this.#certificate(request, token);
        if (options.clientCertificate === RESOLVER_FAILED) return RESOLVER_FAILED;
      }
      const result = await this.#client.validateAccessToken(token, options);
      const outcome = checkResult(this.#client, result, token, this.#policy, options.clientCertificate);
      return outcome instanceof Failure ? this.#reply(outcome) : outcome;
    } catch (error) {
      return this.#reply(error);
    }
  }

  #certificate(request, token) {
    return this.#resolve('certificateResolver', this.#certificateResolver, request, token);
  }

  /** What a resolver gives: text, nothing, or `RESOLVER_FAILED` for anything else, which is told by an event. */
  async #resolve(name, resolver, request, token) {
    try {
      const found = await resolver(request);
      if (typeof found === 'string') return found;
      // `condition && text`, as applications write it, is nothing too.
      if (!found) return undefined;
    } catch {
      // Told below. What was thrown may hold what the resolver reads.
    }
    this.#tellOfFailure(name, token);
    return RESOLVER_FAILED;
  }

  #tellOfFailure(resolver, token) {
    const core = anyCoreOf(this.#client);
    const kind = core && token !== undefined ? (core.isLocal(token) ? 'jwt' : 'opaque') : undefined;
    resolverFailed(core?.context, resolver, kind);
  }

  #reply(problem) {
    return responseTo(problem, this.#options.scopes);
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

function checkFlag(name, flag) {
  if (flag === undefined || flag === null || typeof flag === 'boolean') return;
  throw invalid(`${name} must be a boolean`);
}

module.exports = { admit, protector };
