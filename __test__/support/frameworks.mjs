// How does one test run on Express 4 and 5 and Fastify 4 and 5?

import * as express from '@monocloud/backend-node/express';
import * as fastify from '@monocloud/backend-node/fastify';

import { get, listen } from './http.mjs';

const isOldNode = Number(process.versions.node.split('.')[0]) < 20;

const framework = async (name) => (await import(name)).default;

/**
 * `routes` maps a path to `{ protect, handler, methods }`. `handler` returns the response body, by default the
 * claims. `configure` receives the app before its routes.
 */
async function serveExpress(name, routes, configure) {
  const app = (await framework(name))();
  configure?.(app);
  for (const [path, { protect, handler = claimsOf }] of Object.entries(routes)) {
    app.all(path, protect, (request, response) => response.json(handler(request)));
  }
  return listen(app);
}

async function serveFastify(name, routes, configure, options) {
  const app = (await framework(name))(options);
  await configure?.(app);
  for (const [path, { protect, handler = claimsOf, methods = ['GET', 'POST'] }] of Object.entries(routes)) {
    app.route({ method: methods, url: path, onRequest: protect, handler: async (request) => handler(request) });
  }
  return listen(app);
}

export const claimsOf = ({ claims }) => ({ claims });

export const EXPRESS = ['express', 'express-4'].map((name) =>
  made(name, express.protectApi, (...args) => serveExpress(name, ...args)),
);
export const FASTIFY = ['fastify', 'fastify-4'].map((name) =>
  made(
    name,
    fastify.protectApi,
    (...args) => serveFastify(name, ...args),
    name === 'fastify' && isOldNode && 'Fastify 5 needs Node 20',
  ),
);

/**
 * One framework for the tests. `serve(routes, configure, options)` serves the routes on a free port: `{ url, close }`.
 * `skip` says why the framework cannot run here.
 */
export function made(name, protectApi, serve, skip = false) {
  return {
    name,
    skip,
    protectApi,
    /** Runs `use` with the URL of a real server that has these routes. `options` are those of Fastify's factory. */
    async with(routes, use, configure, options) {
      const { url, close } = await serve(routes, configure, options);
      try {
        return await use(url);
      } finally {
        await close();
      }
    },
    /** The parts of the response to one GET of one protected route that are documented. */
    async answer(protect, { path = '/', handler, configure, ...request } = {}) {
      return this.with(
        { '/': { protect, handler } },
        async (url) => partsOf(await get(url + path, request)),
        configure,
      );
    },
  };
}

/** A header of a request of any framework: an object, or the `Headers` of the Fetch standard. */
export function headerOf({ headers }, name) {
  return typeof headers.get === 'function' ? (headers.get(name) ?? undefined) : headers[name];
}

/** Status, body, and the two headers that may contain details. */
export function partsOf({ status, headers, body }) {
  return { status, body, challenge: headers['www-authenticate'], retryAfter: headers['retry-after'] };
}

/** The responses that replace the route's response (RFC 6750 §3). */
export const ANSWERS = {
  unauthorized: (challenge) => ({ status: 401, body: { message: 'unauthorized' }, challenge, retryAfter: undefined }),
  invalid: (description) => ANSWERS.unauthorized(`Bearer error="invalid_token", error_description="${description}"`),
  forbidden: (challenge) => ({ status: 403, body: { message: 'forbidden' }, challenge, retryAfter: undefined }),
  unavailable: (retryAfter) => ({
    status: 503,
    body: { message: 'service unavailable' },
    challenge: undefined,
    retryAfter,
  }),
  internal: () => ({
    status: 500,
    body: { message: 'internal server error' },
    challenge: undefined,
    retryAfter: undefined,
  }),
};
