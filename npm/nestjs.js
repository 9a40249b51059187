'use strict';

/**
 * Guards and decorators for NestJS on Express and on Fastify, and for GraphQL. A guard throws an `HttpException` of the
 * application's own `@nestjs/common`, so that its exception filters work. The headers are set before.
 */

const nest = require('@nestjs/common');

const { invalid, memberOf, own } = require('./client/arguments.js');
const { MonoCloudBackendNodeClient } = require('./client/client.js');
const { isPending } = require('./client/pending.js');
const { exchangeOf, setHeaders } = require('./protect/nest-context.js');
const { admit, protector } = require('./protect/route.js');

/** The token of dependency injection for the `protect` factories, one per framework. */
const PROTECT = Symbol('@monocloud/backend-node');
const EXCEPTIONS = {
  __proto__: null,
  400: nest.BadRequestException,
  401: nest.UnauthorizedException,
  403: nest.ForbiddenException,
  503: nest.ServiceUnavailableException,
};

class MonoCloudAuthModule {
  static forRoot(clientOrOptions, maybeOptions) {
    const isClient = typeof memberOf(clientOrOptions, 'validateAccessToken') === 'function';
    const client = isClient ? clientOrOptions : new MonoCloudBackendNodeClient();
    const options = isClient ? maybeOptions : (clientOrOptions ?? maybeOptions);
    const [express, fastify] = ['express', 'fastify'].map((framework) => protector(client, options, framework));
    const providers = [{ provide: PROTECT, useValue: { express, fastify } }, MonoCloudAuthGuard];
    return { module: MonoCloudAuthModule, global: true, providers, exports: providers };
  }
}

/** Each `@Protect()` has a guard of its own, so those of a controller and of its method both count. */
function guardOf(options) {
  class MonoCloudAuthGuard {
    constructor({ express, fastify }) {
      this.routes = { express: express(options), fastify: fastify(options) };
    }

    canActivate(context) {
      const { framework, message, request, response } = exchangeOf(context);
      const route = this.routes[framework];
      if (route.letsThrough(message)) return true;
      const decision = route.authenticate(message, request);
      return isPending(decision)
        ? decision.then((settled) => conclude(settled, request, response))
        : conclude(decision, request, response);
    }
  }
  nest.Injectable()(MonoCloudAuthGuard);
  nest.Inject(PROTECT)(MonoCloudAuthGuard, undefined, 0);
  return MonoCloudAuthGuard;
}

function conclude(decision, request, response) {
  const refusal = admit(decision, request, response, setHeaders);
  if (refusal === undefined) return true;
  setHeaders(response, refusal.headers);
  throw new (EXCEPTIONS[refusal.status] ?? nest.InternalServerErrorException)(JSON.parse(refusal.text));
}

const MonoCloudAuthGuard = guardOf();

function Protect(options, ...rest) {
  if (rest.length === 0 && typeof options !== 'function') return nest.UseGuards(guardOf(options));
  throw invalid('@Protect() was used without a call. Write @Protect(), as in @Protect({ scopes: ["data:read"] })');
}

const Claims = nest.createParamDecorator((name, context) => {
  const claims = own(exchangeOf(context).request, 'claims');
  if (typeof claims !== 'object' || claims === null) throw invalid('@Claims() needs @Protect() on its route');
  return typeof name === 'string' ? own(claims, name) : claims;
});

module.exports = { ...require('./index.js'), Claims, MonoCloudAuthGuard, MonoCloudAuthModule, Protect };
