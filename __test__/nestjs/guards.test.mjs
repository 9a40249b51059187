// Do the guards, the decorators and the module of `./nestjs` work as documented, among other parts of an application?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backend } from '../support/backend.mjs';
import { boundRequest, boundToken, freshKey } from '../support/dpop.mjs';
import { ANSWERS, partsOf } from '../support/frameworks.mjs';
import { get, request } from '../support/http.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { PLATFORMS, decorate, skip, startNest } from '../support/nest.mjs';
import { offline, signed } from '../support/offline.mjs';
import { describeWhere } from '../support/suite.mjs';

const nest = skip ? {} : { ...(await import('@nestjs/common')), ...(await import('@nestjs/core')) };
const shim = skip ? {} : await import('@monocloud/backend-node/nestjs');
const { Claims, MonoCloudAuthGuard, MonoCloudAuthModule, Protect } = shim;

const { forbidden, internal, invalid, unauthorized, unavailable } = ANSWERS;
const ARGUMENT_INVALID = { name: 'MonoCloudValidationError', reason: 'argument_invalid' };

/** A controller whose method `answer` returns its parameters, each with a decorator. */
function controllerOf({ onClass = [], onMethod = [], parameters = [Claims()], path = '/' } = {}) {
  class TestController {
    answer(...args) {
      return { args };
    }
  }
  nest.Controller()(TestController);
  parameters.forEach((decorator, index) => decorate(TestController, 'answer', [decorator], index));
  decorate(TestController, 'answer', [nest.Get(path), ...onMethod]);
  for (const decorator of onClass) decorator(TestController);
  return TestController;
}

/** Runs `use` with the URL of an application with these controllers. */
async function serve(platform, { client = offline(), options, controllers, providers = [] }, use, configure) {
  const imports = [MonoCloudAuthModule.forRoot(client, options)];
  const { url, close } = await startNest(platform, { imports, controllers, providers }, { configure });
  try {
    return await use(url);
  } finally {
    await close();
  }
}

const everywhere = () => ({ provide: nest.APP_GUARD, useClass: MonoCloudAuthGuard });

for (const platform of Object.keys(PLATFORMS)) {
  describeWhere(skip, `nestjs on ${platform}: the guard`, () => {
    test('of a controller and the guard of its method both count', async () => {
      const controllers = [
        controllerOf({ onClass: [Protect({ scopes: ['a'] })], onMethod: [Protect({ groups: ['g'] })] }),
      ];
      await serve(platform, { controllers }, async (url) => {
        const answer = async (claims) => partsOf(await get(url, { token: signed(claims) }));
        assert.deepEqual(await answer({}), forbidden('Bearer error="insufficient_scope", scope="a"'));
        assert.deepEqual(await answer({ scope: 'a' }), forbidden('Bearer error="insufficient_scope"'));
        assert.equal((await answer({ groups: ['g'] })).status, 403);
        assert.equal((await answer({ scope: 'a', groups: ['g'] })).status, 200);
      });
    });

    test('of the application guards every route, and a decorator of a route adds its requirements', async () => {
      const controllers = [
        controllerOf({ path: '/any' }),
        controllerOf({ path: '/a', onMethod: [Protect({ scopes: ['a'] })] }),
      ];
      await serve(platform, { controllers, providers: [everywhere()] }, async (url) => {
        const statuses = async (token) => [
          (await get(`${url}/any`, { token })).status,
          (await get(`${url}/a`, { token })).status,
        ];
        assert.deepEqual(await statuses(), [401, 401]);
        assert.deepEqual(await statuses(signed()), [200, 403]);
        assert.deepEqual(await statuses(signed({ scope: 'a' })), [200, 200]);
      });
    });

    test('can be given by @UseGuards, and by useGlobalGuards', async () => {
      const byDecorator = [controllerOf({ onClass: [nest.UseGuards(MonoCloudAuthGuard)] })];
      await serve(platform, { controllers: byDecorator }, async (url) => assert.equal((await get(url)).status, 401));
      const configure = (_instance, app) => app.useGlobalGuards(app.get(MonoCloudAuthGuard));
      await serve(
        platform,
        { controllers: [controllerOf()] },
        async (url) => {
          assert.deepEqual(partsOf(await get(url)), unauthorized('Bearer'));
          assert.equal((await get(url, { token: signed() })).status, 200);
        },
        configure,
      );
    });

    test('spends a DPoP proof once per request, with a guard of the application and two of the route', async () => {
      const issuer = await startIssuer();
      try {
        const controllers = [
          controllerOf({ onClass: [Protect()], onMethod: [Protect({ validateDPoPBinding: true })] }),
        ];
        await serve(platform, { client: backend(issuer), controllers, providers: [everywhere()] }, async (url) => {
          const key = await freshKey();
          const headers = boundRequest({ key, token: boundToken(issuer, key), url: `${url}/` });
          const { status, body } = await get(url, { headers });
          assert.deepEqual([status, body.args[0].cnf.jkt], [200, key.jkt]);
          const again = await get(url, { headers });
          assert.equal(again.status, 401);
          assert.match(again.headers['www-authenticate'], /DPoP error="invalid_dpop_proof"/);
        });
      } finally {
        await issuer.close();
      }
    });

    test('throws exceptions of the application’s own classes, with the headers set before', async () => {
      const caught = [];
      const filterOf = (...classes) => {
        class Filter {
          catch(exception, host) {
            caught.push(exception.constructor);
            const { httpAdapter } = Filter.host;
            httpAdapter.reply(host.switchToHttp().getResponse(), { problem: exception.getStatus() }, 418);
          }
        }
        nest.Catch(...classes)(Filter);
        return Filter;
      };
      const down = offline({ jwksResolver: () => Promise.reject(new Error('down')) });
      for (const [kind, client, token, name, header] of [
        ['UnauthorizedException', offline(), undefined, 'www-authenticate', 'Bearer'],
        ['ForbiddenException', offline(), signed(), 'www-authenticate', 'Bearer error="insufficient_scope", scope="a"'],
        ['ServiceUnavailableException', down, signed(), 'retry-after', '5'],
        ['InternalServerErrorException', { validateAccessToken: () => Promise.reject(new Error('x')) }, signed()],
      ]) {
        for (const caughtClass of [nest[kind], nest.HttpException]) {
          const Filter = filterOf(caughtClass);
          const configure = (_instance, app) => {
            Filter.host = app.get(nest.HttpAdapterHost);
            app.useGlobalFilters(new Filter());
          };
          const controllers = [controllerOf({ onMethod: [Protect({ scopes: ['a'] })] })];
          await serve(
            platform,
            { client, controllers },
            async (url) => {
              const { status, headers, body } = await get(url, { token });
              assert.deepEqual([status, typeof body.problem, headers[name]], [418, 'number', header]);
              assert.equal(caught.pop(), nest[kind]);
            },
            configure,
          );
        }
      }
    });

    test('does not start without the module', async () => {
      const controllers = [controllerOf({ onMethod: [Protect()] })];
      await assert.rejects(startNest(platform, { controllers }), /MonoCloudAuthGuard/);
    });
  });

  describeWhere(skip, `nestjs on ${platform}: @Claims()`, () => {
    test('gives the claims, one claim, or what pipes make of them', async () => {
      class Upper {
        transform(value) {
          return typeof value === 'string' ? value.toUpperCase() : Object.keys(value).length > 0;
        }
      }
      const parameters = [Claims(), Claims('sub'), Claims('none'), Claims('toString'), Claims('sub', new Upper())];
      const controllers = [controllerOf({ onMethod: [Protect()], parameters: [...parameters, Claims(new Upper())] })];
      await serve(platform, { controllers }, async (url) => {
        const { args } = (await get(url, { token: signed({ sub: 'me' }) })).body;
        assert.deepEqual([args[0].sub, ...args.slice(1)], ['me', 'me', null, null, 'ME', true]);
      });
    });

    test('is an error of the application on a route without a guard', async () => {
      await serve(platform, { controllers: [controllerOf()] }, async (url) => {
        const { status, body } = await get(url, { token: signed() });
        assert.deepEqual([status, body.message], [500, 'Internal server error']);
      });
    });

    test('never gives the claims of another request', async () => {
      await serve(platform, { controllers: [controllerOf({ onMethod: [Protect()] })] }, async (url) => {
        const subjects = Array.from({ length: 50 }, (_, index) => `user-${index}`);
        const found = await Promise.all(
          subjects.map(async (sub) => (await get(url, { token: signed({ sub }) })).body.args[0].sub),
        );
        assert.deepEqual(found, subjects);
      });
    });
  });

  describeWhere(skip, `nestjs on ${platform}: the resolvers`, () => {
    test('receive the request of the framework', async () => {
      const seen = [];
      const tokenResolver = (received) => {
        seen.push(Boolean(received.raw));
        return received.headers['x-token'];
      };
      const controllers = [controllerOf({ onMethod: [Protect()] })];
      await serve(platform, { controllers, options: { tokenResolver } }, async (url) => {
        assert.equal((await get(url, { headers: { 'x-token': signed() } })).status, 200);
        assert.deepEqual(partsOf(await get(url, { headers: { 'x-token': 'a.b.c' } })), invalid('Token is malformed'));
      });
      assert.deepEqual(seen, Array(2).fill(platform === 'fastify'));
    });

    test('let nobody in if the claims cannot be set', async () => {
      const certificateResolver = () => undefined;
      const frozen = (received) => {
        Object.defineProperty(received, 'claims', { value: null });
        return undefined;
      };
      const controllers = [controllerOf({ onMethod: [Protect()] })];
      await serve(platform, { controllers, options: { tokenResolver: frozen, certificateResolver } }, async (url) => {
        assert.deepEqual(partsOf(await get(url, { token: signed() })), internal());
      });
    });
  });
}

describeWhere(skip, 'nestjs: a context', () => {
  const guardOf = async (client = offline()) => {
    const { providers } = MonoCloudAuthModule.forRoot(client);
    return new MonoCloudAuthGuard(providers[0].useValue);
  };
  const contextOf = (type, ...args) => ({ getType: () => type, getArgByIndex: (index) => args[index] });
  const message = (token) => ({ method: 'POST', headers: token ? { authorization: `Bearer ${token}` } : {} });
  const responseOf = () => {
    const set = {};
    return { set, setHeader: (name, value) => (set[name] = value) };
  };

  test('of GraphQL has its request in the third argument: of Apollo, of Mercurius, or of a subscription', async () => {
    const guard = await guardOf();
    for (const shape of [
      (received, res) => ({ req: received, res }),
      (received, res) => ({ reply: Object.assign(res, { request: { raw: received, headers: received.headers } }) }),
      (received) => ({ req: received }),
    ]) {
      const good = message(signed());
      const context = shape(good, responseOf());
      assert.equal(await guard.canActivate(contextOf('graphql', {}, {}, context, {})), true);
      const found = context.req ?? context.reply.request;
      assert.equal(found.claims.sub, 'user-1');
      const response = responseOf();
      const refused = contextOf('graphql', {}, {}, shape(message(), response), {});
      await assert.rejects(async () => guard.canActivate(refused), nest.UnauthorizedException);
      if (context.res || context.reply) assert.deepEqual(response.set, { 'WWW-Authenticate': 'Bearer' });
    }
  });

  test('of a gateway or a microservice is refused, and the error says what to use', async () => {
    const guard = await guardOf();
    for (const [type, ...args] of [
      ['ws', { handshake: { headers: message(signed()).headers }, request: message(signed()) }, {}],
      ['rpc', {}, message(signed())],
      ['graphql', {}, {}, {}],
      ['graphql', {}, {}, undefined],
      ['own', message(signed())],
      ['http', undefined],
    ]) {
      await assert.rejects(async () => guard.canActivate(contextOf(type, ...args)), {
        ...ARGUMENT_INVALID,
        message: /backend-node\/ws/,
      });
    }
  });

  test('whose response was sent already gets no headers', async () => {
    const guard = await guardOf();
    const response = { headersSent: true, setHeader: () => assert.fail('it was set') };
    const context = contextOf('http', message(), response);
    await assert.rejects(async () => guard.canActivate(context), nest.UnauthorizedException);
  });
});

describeWhere(skip, 'nestjs: @Protect()', () => {
  test('that is not called is an error, on a class and on a method', () => {
    class Any {
      method() {}
    }
    const descriptor = Object.getOwnPropertyDescriptor(Any.prototype, 'method');
    assert.throws(() => Protect(Any), ARGUMENT_INVALID);
    assert.throws(() => Protect(Any.prototype, 'method', descriptor), ARGUMENT_INVALID);
  });

  test('refuses an invalid option where it stands', () => {
    for (const bad of [{ scope: ['a'] }, { scopes: 'a' }, 'admin', ['a'], 1]) {
      assert.throws(() => Protect(bad), ARGUMENT_INVALID);
    }
  });

  test('and an outage: 503, never 401, also under HEAD', async () => {
    const client = offline({ jwksResolver: () => Promise.reject(new Error('down')) });
    await serve('express', { client, controllers: [controllerOf({ onMethod: [Protect()] })] }, async (url) => {
      assert.deepEqual(partsOf(await get(url, { token: signed() })), unavailable('5'));
      assert.equal(
        (await request(url, { method: 'HEAD', headers: { authorization: `Bearer ${signed()}` } })).status,
        503,
      );
    });
  });
});
