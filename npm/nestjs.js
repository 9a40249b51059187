'use strict';

/**
 * Guards and decorators for NestJS on Express and on Fastify, and for GraphQL. A guard throws an `HttpException` of the
 * application's own `@nestjs/common`, so that its exception filters work. The headers are set before.
 */

/** @import { RouteType } from './protect/route.js' */

const { invalid, memberOf, own } = require('./client/arguments.js');
const { routeSpec } = require('./client/call-options.js');
const { MonoCloudBackendNodeClient } = require('./client/client.js');
const { isPending } = require('./client/pending.js');
const { PROTECT, copyOf, exchangeOf, injectable, nest, refuse, setHeaders } = require('./protect/nest.js');
const { gateOf } = require('./protect/authorize.js');
const { admit } = require('./protect/admit.js');
const { ANONYMOUS } = require('./protect/response.js');
const { protector } = require('./protect/route.js');

/**
 * The requests that passed without a token.
 *
 * @type {WeakSet<object>}
 */
const WITHOUT_TOKEN = new WeakSet();

// oxlint-disable-next-line unicorn/no-static-only-class -- NestJS needs a class
class MonoCloudAuthModule {
  /**
   * @param {any} [clientOrOptions]
   * @param {any} [maybeOptions]
   * @returns {any}
   */
  static forRoot(clientOrOptions, maybeOptions) {
    const isClient = typeof memberOf(clientOrOptions, 'validateAccessToken') === 'function';
    const client = isClient ? clientOrOptions : new MonoCloudBackendNodeClient();
    const options = isClient ? maybeOptions : (clientOrOptions ?? maybeOptions);
    const [express, fastify] = [protector(client, options, 'express'), protector(client, options, 'fastify')];
    const providers = [{ provide: PROTECT, useValue: { express, fastify } }, injectable(MonoCloudAuthGuard)];
    return { module: MonoCloudAuthModule, global: true, providers, exports: providers };
  }
}

/**
 * Each `@Protect()` has a guard of its own, so those of a controller and of its method both count.
 *
 * @param {any} [given]
 */
function guardOf(given) {
  // An invalid option fails where the decorator is, not when the application starts. Later changes do not count.
  routeSpec(given);
  gateOf(given);
  const options = copyOf(given);
  return class MonoCloudAuthGuard {
    /** @param {any} protect */
    constructor({ express, fastify }) {
      /** @type {Record<string, any>} */
      this.routes = { express: express(options), fastify: fastify(options) };
    }

    /**
     * @param {any} context
     * @returns {boolean | Promise<boolean>}
     */
    canActivate(context) {
      const { framework, message, request, response } = exchangeOf(context);
      const route = this.routes[framework];
      const decision = route.authenticate(message, request);
      return isPending(decision)
        ? decision.then((/** @type {any} */ settled) => conclude(route, settled, request, response))
        : conclude(route, decision, request, response);
    }
  };
}

/**
 * @param {RouteType} route
 * @param {any} decision
 * @param {any} request
 * @param {any} response
 * @returns {true | Promise<true>}
 */
function conclude(route, decision, request, response) {
  const refusal = admit(decision, request, response, setHeaders);
  if (refusal === undefined) {
    if (decision === ANONYMOUS) WITHOUT_TOKEN.add(request);
    return true;
  }
  const answer = route.answer(refusal, request);
  return isPending(answer)
    ? answer.then((settled) => refuse(settled, response, route.refusals))
    : refuse(answer, response, route.refusals);
}

const MonoCloudAuthGuard = guardOf();

/**
 * @param {any} [options]
 * @param {unknown[]} rest
 */
function Protect(options, ...rest) {
  if (rest.length === 0 && typeof options !== 'function') return nest().UseGuards(injectable(guardOf(options)));
  throw invalid('@Protect() was used without a call. Write @Protect(), as in @Protect({ scopes: ["data:read"] })');
}

/** @type {any} */
let decorator;

/** @param {unknown[]} args */
function Claims(...args) {
  decorator ??= nest().createParamDecorator(claimsOf);
  return decorator(...args);
}

/**
 * @param {unknown} name
 * @param {any} context
 */
function claimsOf(name, context) {
  const { request } = exchangeOf(context);
  const claims = own(request, 'claims');
  if (claims === undefined && WITHOUT_TOKEN.has(request)) return undefined;
  if (typeof claims !== 'object' || claims === null) throw invalid('@Claims() needs @Protect() on its route');
  return typeof name === 'string' ? own(claims, name) : claims;
}

module.exports = { ...require('./index.js'), Claims, MonoCloudAuthGuard, MonoCloudAuthModule, Protect };
