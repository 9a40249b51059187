'use strict';

/** What becomes of a decision: the claims go to the request, or a response goes to the client. */

/** @import { AcceptedType, Headers, Outcome, ResponseType } from './response.js' */

const { isPending } = require('../client/pending.js');
const { ANONYMOUS, Decision, INTERNAL, Response } = require('./response.js');

/**
 * Sets `request.claims`, or returns the response to send instead. Without claims, or if the claims cannot be set (a
 * frozen request, a setter that throws), the request is rejected. `ANONYMOUS` removes claims that came from elsewhere.
 *
 * @template R
 * @param {Outcome} decision
 * @param {any} request
 * @param {R} response
 * @param {(response: R, headers: Headers) => void} setHeaders Sets headers of the route's own response.
 * @returns {ResponseType | undefined}
 */
function admit(decision, request, response, setHeaders) {
  if (!(decision instanceof Decision)) return setClaims(request, decision);
  if (decision instanceof Response) return decision;
  if (decision === ANONYMOUS) return clearClaims(request);
  try {
    const { claims, headers } = /** @type {AcceptedType} */ (decision);
    setHeaders(response, headers);
    return setClaims(request, claims);
  } catch {
    return INTERNAL;
  }
}

/**
 * @param {any} request
 * @param {unknown} claims
 */
function setClaims(request, claims) {
  if (typeof claims !== 'object' || claims === null || isPending(claims)) return INTERNAL;
  try {
    request.claims = claims;
    return undefined;
  } catch {
    return INTERNAL;
  }
}

/** @param {any} request */
function clearClaims(request) {
  try {
    request.claims = undefined;
    // A setter may keep another value.
    return request.claims === undefined ? undefined : INTERNAL;
  } catch {
    return INTERNAL;
  }
}

/**
 * Waits for a decision. Never rejects.
 *
 * @param {Promise<Outcome>} pending
 * @returns {Promise<Outcome>}
 */
function settled(pending) {
  return pending.then(
    (decision) => decision,
    () => INTERNAL,
  );
}

module.exports = { admit, settled };
