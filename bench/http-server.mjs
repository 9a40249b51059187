// One server of http.mjs, in a child process: one framework, and one way to protect the route.
//
// Receives `{ framework, guard, issuer, key }` and sends `{ port }` or `{ missing, why }`. For 'busy', it sends the
// share of time since the last question in which its event loop worked.

import { createPublicKey, verify } from 'node:crypto';
import { COSTS_NOTHING, loadOurs, NODE_FLOOR, OURS, ourClient, validatorsFor } from './contestants.mjs';
import { AUDIENCE, CLOCK_TOLERANCE, signedParts } from './support.mjs';

const REFUSAL = { message: 'unauthorized' };
const SERVERS = { express: serveExpress, fastify: serveFastify, hono: serveHono, 'node:http': serveNode };
/** The subpath of this package for each framework. */
const SUBPATHS = { express: '/express', fastify: '/fastify', hono: '/web', 'node:http': '/node' };

process.once('message', async (task) => {
  try {
    const guard = await guardFor(task);
    if (guard?.missing) {
      process.send(guard, () => process.disconnect());
      return;
    }
    const server = await SERVERS[task.framework](guard);
    answerBusy();
    process.once('disconnect', () => process.exit());
    process.send({ port: server.address().port });
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
});

/**
 * `undefined` for the unprotected route, or the handler that the framework runs first. For Hono and node:http, it gets
 * the request and returns claims or a response, as those of this package do.
 */
async function guardFor({ framework, guard, issuer, key }) {
  if (guard === 'bare') {
    return undefined;
  }
  const returnsClaims = framework === 'hono' || framework === 'node:http';
  if (guard === COSTS_NOTHING) {
    if (returnsClaims) return async () => ({ claims: {}, headers: {} });
    return (request, response, next) => {
      request.claims = {};
      next();
    };
  }
  if (guard === OURS) {
    const module = await loadOurs(SUBPATHS[framework]);
    return module.missing ? module : module.protectApi(ourClient(module, issuer))();
  }
  if (guard === '@fastify/jwt + get-jwks') {
    return fastifyJwt(issuer, key);
  }
  const validate = guard === NODE_FLOOR ? verifierOnly(key) : await validatorNamed(guard, issuer, key);
  if (returnsClaims) return claimsGuard(validate, framework);
  return framework === 'express' ? expressGuard(validate) : fastifyGuard(validate);
}

async function validatorNamed(guard, issuer, key) {
  const [{ validate }] = await validatorsFor(issuer, key, (name) => name === guard);
  return validate;
}

/** Only the signature check: no claims are read, no rule is applied. */
function verifierOnly({ publicPem }) {
  const publicKey = createPublicKey(publicPem);
  return (token) => {
    const { input, signature } = signedParts(token);
    if (!verify('sha256', input, publicKey, signature)) {
      throw new Error('forged');
    }
    return {};
  };
}

function expressGuard(validate) {
  return async (request, response, next) => {
    try {
      request.claims = await validate(bearer(request));
    } catch {
      response.status(401).json(REFUSAL);
      return;
    }
    next();
  };
}

// A synchronous verifier gets the callback form of the hook, the cheapest one.
function fastifyGuard(validate) {
  return (request, reply, done) => {
    let claims;
    try {
      claims = validate(bearer(request));
    } catch {
      reply.code(401).send(REFUSAL);
      return;
    }
    if (typeof claims?.then !== 'function') {
      request.claims = claims;
      done();
      return;
    }
    claims.then(
      (value) => {
        request.claims = value;
        done();
      },
      () => reply.code(401).send(REFUSAL),
    );
  };
}

function claimsGuard(validate, framework) {
  const refuse =
    framework === 'hono'
      ? () => Response.json(REFUSAL, { status: 401 })
      : () => ({ status: 401, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(REFUSAL) });
  return async (request) => {
    try {
      return { claims: await validate(bearer(request)), headers: {} };
    } catch {
      return refuse();
    }
  };
}

/** As in the README of get-jwks, with checks of the issuer and the audience. */
async function fastifyJwt(issuer, key) {
  const { default: plugin } = await import('@fastify/jwt');
  const { default: buildGetJwks } = await import('get-jwks');
  const keys = buildGetJwks({ issuersWhitelist: [issuer.url] });
  const options = {
    decode: { complete: true },
    secret: (request, { header, payload }) =>
      keys.getPublicKey({ kid: header.kid, alg: header.alg, domain: payload.iss }),
    verify: {
      algorithms: [key.alg],
      allowedIss: issuer.url,
      allowedAud: AUDIENCE,
      clockTolerance: CLOCK_TOLERANCE * 1000,
      requiredClaims: ['exp'],
    },
  };
  const hook = async (request) => {
    request.claims = await request.jwtVerify();
  };
  return Object.assign(hook, { register: (app) => app.register(plugin, options) });
}

function bearer(request) {
  const { headers } = request;
  const header = typeof headers.get === 'function' ? headers.get('authorization') : headers.authorization;
  if (!header?.startsWith('Bearer ')) {
    throw new Error('no token');
  }
  return header.slice(7);
}

async function serveExpress(guard) {
  const { default: express } = await import('express');
  const app = express();
  const handlers = [guard, (request, response) => response.json({ ok: true })].filter(Boolean);
  app.get('/', ...handlers);
  return new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server));
  });
}

async function serveFastify(guard) {
  const { default: fastify } = await import('fastify');
  const app = fastify();
  await guard?.register?.(app);
  if (!guard?.register) {
    app.decorateRequest('claims', undefined);
  }
  app.get('/', guard ? { onRequest: guard } : {}, (request, reply) => reply.send({ ok: true }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server;
}

async function serveHono(guard) {
  const { Hono } = await import('hono');
  const { serve } = await import('@hono/node-server');
  const app = new Hono();
  if (guard) {
    app.use(async (c, next) => {
      const auth = await guard(c.req.raw);
      if (auth instanceof Response) return auth;
      c.set('claims', auth.claims);
      return next();
    });
  }
  app.get('/', (c) => c.json({ ok: true }));
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(server));
  });
}

/** Without a framework. The route answers as those of the frameworks do. */
async function serveNode(guard) {
  const { createServer } = await import('node:http');
  const answer = (response) => {
    const body = JSON.stringify({ ok: true });
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
  };
  const listener = guard
    ? async (request, response) => {
        const auth = await guard(request);
        if ('status' in auth) response.writeHead(auth.status, auth.headers).end(auth.body);
        else answer(response);
      }
    : (_request, response) => answer(response);
  const server = createServer(listener);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function answerBusy() {
  let last = performance.eventLoopUtilization();
  process.on('message', () => {
    const now = performance.eventLoopUtilization();
    process.send({ busy: performance.eventLoopUtilization(now, last).utilization });
    last = now;
  });
}
