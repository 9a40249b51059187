'use strict';

/**
 * What `protectApi` does for any framework: find the token, decide, find the certificate when it matters.
 *
 * Gives claims or a `Reply`; at once when the engine answers at once and no resolver has to be waited for.
 */

const { bearerToken } = require('./bearer.js');
const { MonoCloudBackendNodeClient, anyCoreOf, coreOf } = require('./client.js');
const { FAILURES, Failure, MonoCloudValidationError } = require('./errors.js');
const { resolverFailed } = require('./events.js');
const { isPending } = require('./pending.js');
const { readSpec } = require('./policies.js');
const { isPreflight } = require('./preflight.js');
const { INTERNAL, NO_TOKEN, RESOLVER_FAILED, Reply, replyTo } = require('./reply.js');

/** Reads `protectApi`'s arguments; gives `protect`'s engine: a function from route options to a route's decision. */
function protector(clientOrOptions, maybeOptions) {
  const isClient = typeof clientOrOptions?.validateAccessToken === 'function';
  const client = isClient ? clientOrOptions : new MonoCloudBackendNodeClient();
  const given = (isClient ? maybeOptions : clientOrOptions) ?? {};
  checkResolver('tokenResolver', given.tokenResolver);
  checkResolver('certificateResolver', given.certificateResolver);
  checkFlag('allowPreflight', given.allowPreflight);
  const { tokenResolver, certificateResolver, allowPreflight } = given;
  return (routeOptions) => new Route(client, routeOptions, { tokenResolver, certificateResolver, allowPreflight });
}

/**
 * Sets `request.claims`, or gives the reply to send instead: nobody is let in without claims, and none are lost (a
 * frozen request, a setter that throws).
 */
function admit(decision, request) {
  if (decision instanceof Reply) return decision;
  if (typeof decision !== 'object' || decision === null || isPending(decision)) return INTERNAL;
  try {
    request.claims = decision;
    return undefined;
  } catch {
    return INTERNAL;
  }
}

class Route {
  #client;
  #options;
  #policy;
  #tokenResolver;
  #certificateResolver;
  #allowPreflight;

  constructor(client, options = {}, { tokenResolver, certificateResolver, allowPreflight } = {}) {
    this.#client = client;
    // Copies: what is decided on is what was asked for when the route was made.
    const { scopes, groups } = readSpec(options);
    this.#options = { ...options, scopes, groups };
    this.#policy = coreOf(client)?.policies.route(this.#options);
    this.#tokenResolver = tokenResolver;
    this.#certificateResolver = certificateResolver;
    this.#allowPreflight = allowPreflight === true;
  }

  /** Whether a request needs no decision: a CORS preflight, where the application wants these let through. */
  letsThrough(raw) {
    return this.#allowPreflight && isPreflight(raw);
  }

  /**
   * Claims or a `Reply`, or a promise of either. Neither throws nor rejects: what is thrown instead of given is a
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
    const core = this.#policy && coreOf(this.#client);
    if (!core) return this.#validate(token, request);
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
      const options = { ...this.#options, scopes: [...this.#options.scopes], groups: [...this.#options.groups] };
      const isIgnored = [false, 'dangerously_ignore'].includes(options.validateCertificateBinding);
      if (this.#certificateResolver && !isIgnored) {
        options.clientCertificate = await this.#certificate(request, token);
        if (options.clientCertificate === RESOLVER_FAILED) return RESOLVER_FAILED;
      }
      return await this.#client.validateAccessToken(token, options);
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
    return replyTo(problem, this.#options.scopes);
  }
}

function checkResolver(name, resolver) {
  if (resolver === undefined || resolver === null || typeof resolver === 'function') return;
  throw new MonoCloudValidationError(`${name} must be a function`, undefined, 'argument_invalid');
}

function checkFlag(name, flag) {
  if (flag === undefined || flag === null || typeof flag === 'boolean') return;
  throw new MonoCloudValidationError(`${name} must be a boolean`, undefined, 'argument_invalid');
}

module.exports = { admit, protector };
