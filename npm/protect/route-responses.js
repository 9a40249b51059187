'use strict';

/**
 * Which challenges does a route send? That depends on the scheme of the request, and on the mode of DPoP on the route
 * (RFC 9449 §7.1).
 *
 * An API that sets no option of DPoP announces DPoP only to clients that use it, and to clients that send a bound token as
 * a bearer token. Its other challenges stay as they are without DPoP.
 */

const { Responses } = require('./response.js');

const IGNORED = 'dangerously_ignore';

/**
 * Returns a function `(policy, isGiven, scopes)` to `{ knowsDpop, bearer, dpop }`: the responses to requests of each
 * scheme. The routes of one `protectApi` share them. `isGiven` says whether the route sets `validateDPoPBinding` itself.
 *
 * @param validator The client's validator. `undefined` for a client of another kind, which may not know DPoP.
 * @param resourceMetadata The URL that all challenges name, or `undefined`. Only with it, they name the route's scopes.
 */
function routeResponses(validator, resourceMetadata) {
  const known = new Map();
  const responsesOf = (settings) => {
    const name = JSON.stringify(settings);
    if (!known.has(name)) known.set(name, new Responses(settings));
    return known.get(name);
  };
  return (policy, isGiven, scopes) => {
    const shared = resourceMetadata === undefined ? {} : { resourceMetadata, scopes };
    const mode = validator?.dpopMode(policy) ?? IGNORED;
    if (mode === IGNORED) return { knowsDpop: false, bearer: responsesOf(shared), dpop: responsesOf(shared) };
    const { algorithms, isAnnounced } = validator.dpopFacts;
    const dpop = responsesOf({ ...shared, algorithms, requiresDpop: mode === 'required' });
    return { knowsDpop: true, bearer: isAnnounced || isGiven ? dpop : responsesOf(shared), dpop };
  };
}

module.exports = { routeResponses };
