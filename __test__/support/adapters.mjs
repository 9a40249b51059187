// How does one test run on every server that is neither Express nor Fastify?
//
// Each has the form of frameworks.mjs. A handler gets an object with `claims`, and returns the response body.

import http from 'node:http';

import * as express from '@monocloud/backend-node/express';
import * as koa from '@monocloud/backend-node/koa';
import * as node from '@monocloud/backend-node/node';
import * as web from '@monocloud/backend-node/web';

import { EXPRESS, FASTIFY, claimsOf, made } from './frameworks.mjs';
import { close, listen, open } from './http.mjs';
import { NEST } from './nest.mjs';

const isOldNode = Number(process.versions.node.split('.')[0]) < 20;
const NEEDS_20 = isOldNode && 'it needs Node 20';

/** `[path, protect, handler]` for each route, the longest path first: Connect also takes what lies below a path. */
const entriesOf = (routes) =>
  Object.entries(routes)
    .sort(([a], [b]) => b.length - a.length)
    .map(([path, { protect, handler = claimsOf }]) => [path, protect, handler]);
const routeOf = (routes, target) => {
  const [path] = target.split('?');
  return entriesOf(routes).find(([other]) => other === path) ?? [];
};

/** The response of a handler on a server of the Fetch standard. */
const ofHandler = (handler) => (_request, auth) => Response.json(handler(auth));

const NOT_FOUND = () => new Response(null, { status: 404 });

// --- ./web ---

async function serveHono(routes, configure) {
  const { Hono } = await import('hono');
  const app = new Hono();
  configure?.(app);
  for (const [path, guard, handler] of entriesOf(routes)) {
    app.all(path, async (c) => {
      const auth = await guard(c.req.raw);
      if (auth instanceof Response) return auth;
      auth.headers.forEach((value, name) => c.header(name, value));
      return c.json(handler(auth));
    });
  }
  return serveFetch(app.fetch);
}

/** A server that calls `fetch(request)` for each request. */
async function serveFetch(fetch) {
  const { createAdaptorServer } = await import('@hono/node-server');
  return opened(createAdaptorServer({ fetch }));
}

function serveHandlers(routes) {
  return serveFetch((request) => {
    const [, guard, handler] = routeOf(routes, new URL(request.url).pathname);
    return handler ? web.withAuth(guard, ofHandler(handler))(request) : NOT_FOUND();
  });
}

async function serveH3(routes, configure) {
  const { H3, toNodeHandler } = await import('h3');
  const app = new H3();
  configure?.(app);
  for (const [path, guard, handler] of entriesOf(routes)) {
    app.all(path, async (event) => {
      const auth = await guard(event.req);
      if (auth instanceof Response) return auth;
      auth.headers.forEach((value, name) => event.res.headers.set(name, value));
      return handler(auth);
    });
  }
  return opened(http.createServer(toNodeHandler(app)));
}

/** The guard runs in a plugin, before GraphQL Yoga reads the request. */
async function serveYoga(routes) {
  const { createSchema, createYoga } = await import('graphql-yoga');
  const plugin = {
    async onRequest({ request, url, endResponse }) {
      const [, guard, handler] = routeOf(routes, url.pathname);
      if (handler) endResponse(await web.withAuth(guard, ofHandler(handler))(request));
    },
  };
  const schema = createSchema({ typeDefs: 'type Query { a: String }' });
  return opened(http.createServer(createYoga({ schema, plugins: [plugin], cors: false, logging: false })));
}

export const WEB = [
  made('hono', web.protectApi, serveHono, NEEDS_20),
  made('fetch with withAuth', web.protectApi, serveHandlers, NEEDS_20),
  made('h3', web.protectApi, serveH3, NEEDS_20),
  { ...made('graphql-yoga', web.protectApi, serveYoga), keepsFirst: true },
].map((framework) => ({ ...framework, isWeb: true }));

// --- ./node ---

/** Answers a request with the guard of `./node`. `headers` and `end` of HTTP/2 are the same. */
async function answerNode(guard, handler, request, response) {
  const auth = await guard(request);
  if ('status' in auth) {
    response.writeHead(auth.status, auth.headers);
    response.end(auth.body);
    return;
  }
  const body = JSON.stringify(handler(auth));
  response.writeHead(200, { ...auth.headers, 'content-type': 'application/json' });
  response.end(body);
}

export const nodeListener = (routes) => (request, response) => {
  const [, guard, handler] = routeOf(routes, request.url);
  if (handler) return answerNode(guard, handler, request, response);
  response.writeHead(404);
  return response.end();
};

async function serveConnect(routes) {
  const { default: connect } = await import('connect');
  const app = connect();
  for (const [path, guard, handler] of entriesOf(routes)) {
    app.use(path, (request, response, next) => answerNode(guard, handler, request, response).catch(next));
  }
  return listen(app);
}

async function servePolka(routes) {
  const { default: polka } = await import('polka');
  const app = polka();
  for (const [path, guard, handler] of entriesOf(routes)) {
    app.all(path, (request, response) => answerNode(guard, handler, request, response));
  }
  return listenPolka(app);
}

async function serveHapi(routes) {
  const { default: hapi } = await import('@hapi/hapi');
  const server = hapi.server({ port: 0, host: '127.0.0.1' });
  const withHeaders = (response, headers) => {
    for (const [name, value] of Object.entries(headers)) response.header(name, value);
    return response;
  };
  server.auth.scheme('monocloud', (_server, { guard }) => ({
    async authenticate(request, h) {
      const auth = await guard(request.raw.req);
      if ('status' in auth) return withHeaders(h.response(auth.body).code(auth.status), auth.headers).takeover();
      return h.authenticated({ credentials: { auth }, artifacts: {} });
    },
  }));
  for (const [path, guard, handler] of entriesOf(routes)) {
    server.auth.strategy(path, 'monocloud', { guard });
    const respond = ({ auth: { credentials } }, h) =>
      withHeaders(h.response(handler(credentials.auth)), credentials.auth.headers);
    for (const method of ['GET', '*']) {
      // Hapi's own `Cache-Control: no-cache` is off, so that the tests see what the guard sets.
      server.route({ method, path, options: { auth: path, cache: false }, handler: respond });
    }
  }
  await server.start();
  return { url: server.info.uri, close: () => server.stop({ timeout: 0 }) };
}

export const NODE = [
  made('node:http', node.protectApi, (routes) => opened(http.createServer(nodeListener(routes)))),
  made('connect, by ./node', node.protectApi, serveConnect),
  made('polka, by ./node', node.protectApi, servePolka),
  made('hapi', node.protectApi, serveHapi),
];

// --- ./koa ---

async function serveKoa(routes, configure) {
  const { default: Koa } = await import('koa');
  const app = new Koa();
  configure?.(app);
  app.use(async (ctx, next) => {
    const [, protect, handler] = routeOf(routes, ctx.path);
    if (!handler) return next();
    return protect(ctx, () => {
      ctx.body = handler(ctx.state);
    });
  });
  return opened(http.createServer(app.callback()));
}

export const KOA = [made('koa', koa.protectApi, serveKoa)];

// --- ./express, in other frameworks ---

const json = (response, value) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
};

async function serveConnectAsExpress(routes) {
  const { default: connect } = await import('connect');
  const app = connect();
  for (const [path, protect, handler] of entriesOf(routes)) {
    app.use(path, protect);
    app.use(path, (request, response) => json(response, handler(request)));
  }
  return listen(app);
}

async function servePolkaAsExpress(routes) {
  const { default: polka } = await import('polka');
  const app = polka();
  for (const [path, protect, handler] of entriesOf(routes)) {
    app.all(path, protect, (request, response) => json(response, handler(request)));
  }
  return listenPolka(app);
}

export const CONNECT = [
  made('connect, by ./express', express.protectApi, serveConnectAsExpress),
  made('polka, by ./express', express.protectApi, servePolkaAsExpress),
];

/** Every server that can be protected. */
export const EVERY = [...EXPRESS, ...FASTIFY, ...WEB, ...NODE, ...KOA, ...CONNECT, ...NEST];

async function listenPolka(app) {
  return opened(http.createServer(app.handler));
}

async function opened(server) {
  await open(server, { port: 0, host: '127.0.0.1' });
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => close(server) };
}
