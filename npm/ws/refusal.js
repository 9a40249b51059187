'use strict';

/** What did a guard say? Its result is accepted, or a refusal. A refusal becomes an error for callers without HTTP. */

const { own } = require('../client/arguments.js');
const { FAILURES, MonoCloudHttpError, MonoCloudTokenError } = require('../errors/errors.js');
const { isAnonymous, reasonOf } = require('../protect/renewal.js');

const JSON_TYPE = 'application/json; charset=utf-8';
const BODY = JSON.stringify({ message: 'internal server error' });

/** @import { NodeAuthenticated, NodeGuard, NodeRefusal } from '../node.js' */

/** The refusal if a guard throws, or returns neither claims nor a refusal. Nobody is let in. */
const BROKEN = Object.freeze({
  status: 500,
  headers: Object.freeze({ 'Content-Type': JSON_TYPE, 'Content-Length': String(BODY.length) }),
  body: BODY,
});

/**
 * The codes of refusals without an `error` in their challenge (RFC 6749 §4.1.2.1).
 *
 * @type {Record<number, string> & { __proto__: null }}
 */
const CODES = { __proto__: null, 400: 'invalid_request', 401: 'unauthorized', 503: 'temporarily_unavailable' };

/**
 * Messages that say nothing about this API's own failures.
 *
 * @type {Record<number, string> & { __proto__: null }}
 */
const MESSAGES = { __proto__: null, 401: 'unauthorized', 500: 'internal server error', 503: 'service unavailable' };

/**
 * Calls a guard. Never throws or rejects.
 *
 * @param {NodeGuard} guard
 * @param {any} request
 * @returns {Promise<NodeAuthenticated | NodeRefusal>}
 */
async function ask(guard, request) {
  try {
    /** @type {any} */
    const result = await guard(request);
    const claims = own(result, 'claims');
    if (typeof claims === 'object' && claims !== null) return { claims, headers: own(result, 'headers') ?? {} };
    if (isAnonymous(result)) return { claims: /** @type {any} */ (undefined), headers: own(result, 'headers') ?? {} };
    const [status, answered] = [own(result, 'status'), own(result, 'headers')];
    const isRefusal = Number.isInteger(status) && status >= 400 && status <= 599;
    return isRefusal && typeof answered === 'object' && answered !== null ? result : BROKEN;
  } catch {
    return BROKEN;
  }
}

/**
 * @param {NodeAuthenticated | NodeRefusal} result
 * @returns {result is NodeAuthenticated}
 */
const isAccepted = (result) => Object.hasOwn(result, 'claims');

/**
 * Whether a refusal says nothing about the token.
 *
 * @param {NodeRefusal} refusal
 */
const isOutage = ({ status }) => status >= 500;

/**
 * What a refusal says: the parts of its response, and the reason.
 *
 * @param {NodeRefusal} refusal
 */
function detailsOf(refusal) {
  const { status, headers } = refusal;
  const challenge = own(headers, 'WWW-Authenticate') ?? '';
  const reason = reasonOf(refusal);
  const spec = reason === undefined ? undefined : own(FAILURES, reason)?.spec;
  const code = isOutage(refusal) ? undefined : (spec?.code ?? paramOf(challenge, 'error'));
  return {
    status,
    code: code ?? CODES[status] ?? 'server_error',
    reason,
    nonce: own(headers, 'DPoP-Nonce'),
    message: paramOf(challenge, 'error_description') ?? MESSAGES[status] ?? spec?.message ?? 'Token is not accepted',
  };
}

/** @param {NodeRefusal} refusal */
function errorOf(refusal) {
  const { code, reason, message } = detailsOf(refusal);
  if (isOutage(refusal)) return new MonoCloudHttpError(message, undefined, reason ?? 'internal');
  return new MonoCloudTokenError(message, undefined, reason, code);
}

/**
 * A parameter of the first challenge that has it (RFC 9110 §11.2). No value of ours contains a quote.
 *
 * @param {string} challenge
 * @param {string} name
 */
function paramOf(challenge, name) {
  return new RegExp(`[ ,]${name}="([^"]*)"`).exec(challenge)?.[1];
}

module.exports = { BROKEN, ask, detailsOf, errorOf, isAccepted, isOutage };
