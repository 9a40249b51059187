'use strict';

/** `protectApi` for Koa 2 and 3. The middleware sends rejections itself and throws one only with `delegate`. */

/** @import { Headers, ResponseType } from './protect/response.js' */

const { isPending } = require('./client/pending.js');
const { admit } = require('./protect/admit.js');
const { protector } = require('./protect/route.js');

/**
 * @param {any} clientOrOptions
 * @param {unknown} [options]
 */
function protectApi(clientOrOptions, options) {
  const routeOf = protector(clientOrOptions, options, 'koa');
  return function protect(/** @type {any} */ protectOptions) {
    const route = routeOf(protectOptions);
    return async function protectMiddleware(/** @type {any} */ ctx, /** @type {() => Promise<any>} */ next) {
      const decision = route.authenticate(ctx.req, ctx);
      const refusal = admit(isPending(decision) ? await decision : decision, ctx.state, ctx, setHeaders);
      if (refusal === undefined) return next();
      const answer = route.refusals
        ? await route.refusals.answer(refusal, ctx, undefined, () => isAnswered(ctx))
        : refusal;
      if (answer instanceof Error) throw answer;
      if (answer !== undefined) send(answer, ctx);
      return undefined;
    };
  };
}

/**
 * Koa writes the response after the middleware before this one, so their headers and logs work as for every response.
 *
 * @param {ResponseType} refusal
 * @param {any} ctx
 */
function send({ status, headers, text }, ctx) {
  // Another part of the application, such as a timeout, may have sent a response already.
  if (isAnswered(ctx)) return;
  try {
    ctx.status = status;
    setHeaders(ctx, headers);
    // Koa keeps a content type that is set before the body.
    ctx.body = text;
  } catch {
    // An error would reach `app.on('error')`. The connection ends instead, and the route does not run.
    ctx.res.destroy();
  }
}

/** @param {any} ctx */
const isAnswered = (ctx) => ctx.headerSent || ctx.respond === false;

/**
 * @param {any} ctx
 * @param {Headers} headers
 */
function setHeaders(ctx, headers) {
  for (const name of Object.keys(headers)) ctx.set(name, headers[name]);
}

module.exports = { ...require('./index.js'), protectApi };
