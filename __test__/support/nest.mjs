// How does one test run on NestJS, on Express and on Fastify?
//
// The decorators are plain functions here, because JavaScript has no parameter decorators.

import { claimsOf, made } from './frameworks.mjs';

/** NestJS 12 is an ES module, which `require` reads since Node 20.19. */
const isOld = process.features.require_module !== true;
export const skip = isOld && 'NestJS 12 needs a Node that can require an ES module';
const nestjs = isOld ? {} : await load();

async function load() {
  await import('reflect-metadata');
  const [common, core, shim] = await Promise.all([
    import('@nestjs/common'),
    import('@nestjs/core'),
    import('@monocloud/backend-node/nestjs'),
  ]);
  return { ...common, ...core, ...shim };
}

export const PLATFORMS = {
  express: async () => new (await import('@nestjs/platform-express')).ExpressAdapter(),
  fastify: async (options) => new (await import('@nestjs/platform-fastify')).FastifyAdapter(options),
};

/** Applies decorators to a method, or to the parameter with this index of it. */
export function decorate({ prototype }, name, decorators, parameter = undefined) {
  const third = parameter ?? Object.getOwnPropertyDescriptor(prototype, name);
  for (const decorator of decorators) decorator(prototype, name, third);
}

/** Starts an application of these modules, and returns `{ url, app, close }`. */
export async function startNest(platform, metadata, { configure, options } = {}) {
  class AppModule {}
  nestjs.Module(metadata)(AppModule);
  const adapter = await PLATFORMS[platform](options);
  const app = await nestjs.NestFactory.create(AppModule, adapter, { logger: false, abortOnError: false });
  await configure?.(app.getHttpAdapter().getInstance(), app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address();
  const close = async () => {
    app.getHttpServer().closeAllConnections?.();
    await app.close();
  };
  return { url: `http://127.0.0.1:${port}`, app, close };
}

/** One module per route, because each route may have another client. */
function moduleOf(path, { protect, handler = claimsOf }) {
  class RouteController {
    answer(request) {
      return handler(request);
    }
  }
  const { All, Controller, HttpCode, Module, Req } = nestjs;
  Controller()(RouteController);
  decorate(RouteController, 'answer', [Req()], 0);
  decorate(RouteController, 'answer', [All(path), HttpCode(200), protect.decorator]);
  class RouteModule {}
  Module({ imports: [{ ...protect.module, global: false }], controllers: [RouteController] })(RouteModule);
  return RouteModule;
}

/** The form of `protectApi` of the other frameworks. */
function protectApi(...args) {
  const module = nestjs.MonoCloudAuthModule.forRoot(...args);
  return (route) => ({ module, decorator: nestjs.Protect(route) });
}

export const NEST = Object.keys(PLATFORMS).map((platform) => {
  const serve = (routes, configure, options) => {
    const imports = Object.entries(routes).map(([path, route]) => moduleOf(path, route));
    return startNest(platform, { imports }, { configure, options });
  };
  return { ...made(`nestjs on ${platform}`, protectApi, serve, skip), platform, readsFirst: platform === 'fastify' };
});
