'use strict';

/**
 * Which challenges does a route send? That depends on the scheme of the request, and on the mode of DPoP on the route
 * (RFC 9449 §7.1).
 *
 * An API that sets no option of DPoP announces DPoP only to clients that use it, and to clients that send a bound token as
 * a bearer token. Its other challenges stay as they are without DPoP.
 */

/**
 * @import { ValidatorType } from '../client/validate.js'
 * @import { ChallengeSettings } from './challenge.js'
 * @import { Presented } from './dpop.js'
 * @import { RouteRequirements } from './requirements.js'
 * @import { Presentation, ResponsesType } from './response.js'
 */
/**
 * The responses to requests of each scheme.
 *
 * @typedef {object} RouteResponses
 * @property {boolean} knowsDpop
 * @property {ResponsesType} bearer
 * @property {ResponsesType} dpop
 */

const { nonceIssued } = require('../client/events.js');
const { textOf } = require('../client/json.js');
const { FAILURES, Failure } = require('../errors/errors.js');
const { DPOP, Responses } = require('./response.js');

const IGNORED = 'dangerously_ignore';

/**
 * Returns a function that chooses the responses of a route. The routes of one `protectApi` share them. `isGiven` says
 * whether the route sets `validateDPoPBinding` itself. `policy` is `undefined` only without a validator.
 *
 * @param {Pick<ValidatorType, 'dpopFacts' | 'dpopMode'> | undefined} validator The client's validator. `undefined` for a client
 *   of another kind, which may not know DPoP.
 * @param {string | undefined} resourceMetadata The URL that all challenges name. Only with it, they name the route's
 *   `scopes` too.
 * @param {string | undefined} realm RFC 9110 §11.5.
 * @returns {(policy: any, isGiven: boolean, scopes: readonly string[]) => RouteResponses}
 */
function routeResponses(validator, resourceMetadata, realm) {
  /** @type {Map<string, ResponsesType>} */
  const known = new Map();
  /** @param {ChallengeSettings} settings */
  const responsesOf = (settings) => {
    const name = textOf(settings);
    const responses = known.get(name) ?? new Responses(settings);
    known.set(name, responses);
    return responses;
  };
  return (policy, isGiven, scopes) => {
    const shared = { ...(realm && { realm }), ...(resourceMetadata && { resourceMetadata, scopes }) };
    const mode = validator?.dpopMode(policy) ?? IGNORED;
    if (validator === undefined || mode === IGNORED)
      return { knowsDpop: false, bearer: responsesOf(shared), dpop: responsesOf(shared) };
    const { algorithms, isAnnounced } = validator.dpopFacts;
    const dpop = responsesOf({ ...shared, algorithms, requiresDpop: mode === 'required' });
    return { knowsDpop: true, bearer: isAnnounced || isGiven ? dpop : responsesOf(shared), dpop };
  };
}

/**
 * Returns the response for a failure or an error of a request.
 *
 * @param {RouteResponses} responses
 * @param {any} problem
 * @param {RouteRequirements} required
 * @param {Presented | undefined} presented The proof of the request. `undefined` for a bearer token.
 */
function responseOf(responses, problem, required, presented) {
  if (presented === undefined) {
    // Only a client that knows DPoP has a token that is bound to a key.
    const isBound = problem === FAILURES.dpop_scheme_required || problem?.reason === 'dpop_scheme_required';
    return responses[isBound ? 'dpop' : 'bearer'].to(problem, required);
  }
  const description = problem instanceof Failure ? problem.proof?.description : undefined;
  const nonce = nonceFor(presented);
  const adds = description !== undefined || nonce !== undefined;
  const how = adds ? { __proto__: null, scheme: 'dpop', description, nonce } : DPOP;
  return responses.dpop.to(problem, required, /** @type {Presentation} */ (how));
}

/**
 * The nonce that the response must give.
 *
 * @param {Presented} presented
 */
function nonceFor({ validator, proof }) {
  const nonce = validator.nonceOf(proof);
  if (nonce !== undefined) nonceIssued(validator.context);
  return nonce;
}

module.exports = { nonceFor, responseOf, routeResponses };
