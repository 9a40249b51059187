'use strict';

/** What does a route require, in the words of `validateAccessToken`? For responses, and for clients that have no engine. */

/** @import { SpecType } from '../client/call-options.js' */
/** @typedef {ReturnType<typeof requirementsOf>} RouteRequirements */

/**
 * The binding modes that need no certificate.
 *
 * @type {unknown[]}
 */
const MODES_WITHOUT_CERTIFICATE = [false, 'dangerously_ignore'];

/** @param {SpecType} spec */
function requirementsOf(spec) {
  const { scopes, anyScopes, groups, permissions, roles, claims, acr, maxAge, audience } = spec;
  const [validateCertificateBinding, validateDPoPBinding] = [spec.givenBinding, spec.givenDpop];
  const bindings = { validateCertificateBinding, validateDPoPBinding };
  return { scopes, anyScopes, groups, permissions, roles, claims, acr, maxAge, audience, ...bindings };
}

/**
 * Returns options for the client's own method. The lists are copies, so that it cannot change the route.
 *
 * @param {RouteRequirements} required
 * @returns {Record<string, any>}
 */
function callOptionsOf(required) {
  const { scopes, groups, validateCertificateBinding } = required;
  /** @type {Record<string, any>} */
  const options = { scopes: [...scopes], groups: [...groups], validateCertificateBinding };
  options.clientCertificate = undefined;
  // A client of another version does not know these.
  const { acr, maxAge, audience, validateDPoPBinding } = required;
  if (acr !== undefined) options.acr = [...acr];
  if (maxAge !== undefined) options.maxAge = maxAge;
  if (audience !== undefined) options.audience = [...audience];
  if (validateDPoPBinding !== undefined) options.validateDPoPBinding = validateDPoPBinding;
  const { anyScopes, permissions, roles, claims } = required;
  if (anyScopes !== undefined) options.anyScopes = [...anyScopes];
  if (permissions.length > 0) options.permissions = [...permissions];
  if (roles.length > 0) options.roles = [...roles];
  if (claims !== undefined) options.claims = JSON.parse(claims);
  return options;
}

/** @param {RouteRequirements} required */
function needsCertificate({ validateCertificateBinding }) {
  return !MODES_WITHOUT_CERTIFICATE.includes(validateCertificateBinding);
}

module.exports = { callOptionsOf, needsCertificate, requirementsOf };
