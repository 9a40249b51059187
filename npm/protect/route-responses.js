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
 * @import { ResponsesType } from './response.js'
 */
/**
 * The responses to requests of each scheme.
 *
 * @typedef {object} RouteResponses
 * @property {boolean} knowsDpop
 * @property {ResponsesType} bearer
 * @property {ResponsesType} dpop
 */

const { Responses } = require('./response.js');

const IGNORED = 'dangerously_ignore';

/**
 * Returns a function that chooses the responses of a route. The routes of one `protectApi` share them. `isGiven` says
 * whether the route sets `validateDPoPBinding` itself. `policy` is `undefined` only without a validator.
 *
 * @param {ValidatorType | undefined} validator The client's validator. `undefined` for a client of another kind, which may
 *   not know DPoP.
 * @returns {(policy: any, isGiven: boolean) => RouteResponses}
 */
function routeResponses(validator) {
  /** @type {Map<string, ResponsesType>} */
  const known = new Map();
  /** @param {ChallengeSettings} settings */
  const responsesOf = (settings) => {
    const name = `${settings.algorithms} ${settings.requiresDpop}`;
    const responses = known.get(name) ?? new Responses(settings);
    known.set(name, responses);
    return responses;
  };
  return (policy, isGiven) => {
    const mode = validator?.dpopMode(policy) ?? IGNORED;
    if (validator === undefined || mode === IGNORED)
      return { knowsDpop: false, bearer: responsesOf({}), dpop: responsesOf({}) };
    const { algorithms, isAnnounced } = validator.dpopFacts;
    const dpop = responsesOf({ algorithms, requiresDpop: mode === 'required' });
    return { knowsDpop: true, bearer: isAnnounced || isGiven ? dpop : responsesOf({}), dpop };
  };
}

module.exports = { routeResponses };
