'use strict';

/** What the guards of `./nestjs` need of NestJS: its decorators and exceptions, and the request of an `ExecutionContext`. */

const { invalid, memberOf } = require('../client/arguments.js');

const JSON_TYPE = 'application/json; charset=utf-8';

/** The token of dependency injection for the `protect` factories, one per framework. */
const PROTECT = Symbol('@monocloud/backend-node');

/**
 * The application's `@nestjs/common`. Not loaded at import: NestJS 12 is an ES module, which cannot be required while
 * another part of the application imports it.
 *
 * @returns {any}
 */
function nest() {
  return require('@nestjs/common');
}

/**
 * Makes a guard injectable, and injects the value of `PROTECT` as its first argument.
 *
 * @template {new (protect: any) => object} T
 * @param {T} guard
 */
function injectable(guard) {
  const { Inject, Injectable } = nest();
  Injectable()(guard);
  Inject(PROTECT)(guard, undefined, 0);
  return guard;
}

/**
 * The classes by status, because filters catch them too.
 *
 * @type {Record<number, string> & { __proto__: null }}
 */
const EXCEPTIONS = {
  __proto__: null,
  400: 'BadRequestException',
  401: 'UnauthorizedException',
  403: 'ForbiddenException',
  503: 'ServiceUnavailableException',
};

/**
 * @param {{ status: number, text: any, value?: unknown }} refusal
 * @param {Error} [cause]
 */
function exceptionOf({ status, text, value }, cause) {
  const Exception = nest()[EXCEPTIONS[status] ?? 'InternalServerErrorException'];
  return new Exception(value ?? JSON.parse(text), cause && { cause });
}

/**
 * Sets the headers of a refusal, and throws its exception.
 *
 * @param {{ status: number, text: any, value?: unknown, headers: Readonly<Record<string, string>> }} answer
 * @param {any} response
 * @param {{ causeOf(answer: any): Error | undefined } | undefined} refusals
 * @returns {never}
 */
function refuse(answer, response, refusals) {
  setHeaders(response, fieldsOf(answer));
  throw exceptionOf(answer, refusals?.causeOf(answer));
}

/**
 * The headers of a refusal. The exception filter makes JSON of a text, and knows the content type of our usual bodies.
 *
 * @param {{ headers: Readonly<Record<string, string>>, value?: unknown }} refusal
 */
function fieldsOf({ headers, value }) {
  const { 'Content-Type': type, ...others } = headers;
  return typeof value === 'string' || type === JSON_TYPE ? others : headers;
}

/**
 * A copy of the options, which later changes do not reach. A function cannot be cloned.
 *
 * @param {any} given
 */
function copyOf(given) {
  if (typeof given?.authorize !== 'function') return structuredClone(given);
  const { authorize, ...rest } = given;
  return { ...structuredClone(rest), authorize };
}

/**
 * Returns `{ framework, message, request, response }`. `message` is what arrived, the same object for every guard of one
 * request.
 *
 * @param {any} context An `ExecutionContext`.
 * @throws MonoCloudValidationError The context has no request, as for a message of a gateway or a microservice.
 */
function exchangeOf(context) {
  const { request, response } = partsOf(context);
  const raw = memberOf(request, 'raw');
  const isFastify = hasHeaders(raw);
  const message = isFastify ? raw : request;
  if (hasHeaders(message)) return { framework: isFastify ? 'fastify' : 'express', message, request, response };
  throw invalid(
    `The guard found no HTTP request in a context of type "${context.getType()}". Authenticate the connection of a gateway with @monocloud/backend-node/ws, and a microservice with client.validateAccessToken()`,
  );
}

/**
 * @param {any} context
 * @returns {{ request?: any, response?: any }}
 */
function partsOf(context) {
  switch (context.getType()) {
    case 'http':
      return { request: context.getArgByIndex(0), response: context.getArgByIndex(1) };
    case 'graphql':
      return partsOfGraphql(context.getArgByIndex(2));
    default:
      return {};
  }
}

/**
 * The third argument of a resolver is the context. Apollo has `req` and `res` there, Mercurius has `reply`.
 *
 * @param {any} context
 */
function partsOfGraphql(context) {
  const response = memberOf(context, 'res') ?? memberOf(context, 'reply');
  return { request: memberOf(context, 'req') ?? memberOf(response, 'request'), response };
}

/** @param {any} message */
const hasHeaders = (message) => typeof memberOf(message, 'headers') === 'object' && message.headers !== null;

/**
 * Sets headers of a response of Express or Fastify. A GraphQL operation over a WebSocket has no response.
 *
 * @param {any} response
 * @param {Readonly<Record<string, string>>} headers
 */
function setHeaders(response, headers) {
  const set = memberOf(response, 'setHeader') ?? memberOf(response, 'header');
  if (typeof set !== 'function' || memberOf(response, 'headersSent') || memberOf(response, 'sent')) return;
  for (const name of Object.keys(headers)) set.call(response, name, headers[name]);
}

module.exports = { PROTECT, copyOf, exchangeOf, injectable, nest, refuse, setHeaders };
