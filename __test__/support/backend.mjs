// How does a test make the client that it tests?
//
// With the options alone: what the shell has set for the package, or about
// proxies, says nothing about a server on loopback.

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import { AUDIENCE } from './issuer.mjs';

for (const name of Object.keys(process.env)) {
  if (name.startsWith('MONOCLOUD_BACKEND_') || /^(https?|no|all)_proxy$/i.test(name)) {
    delete process.env[name];
  }
}

/**
 * A client of `server` (startAuthorizationServer or startIssuer), which trusts the server's own authority. `as`: one
 * of the server's `clients`, by name, that introspects.
 */
export function backend(server, { as, ...options } = {}) {
  return new MonoCloudBackendNodeClient({
    tenantDomain: server.issuer,
    audience: AUDIENCE,
    ...(server.pki && { certificateAuthorities: server.pki.ca.pem }),
    ...(as && server.clients[as].options),
    ...options,
  });
}

/** Credentials that a controllable issuer does not look at. */
export const ANY_CLIENT = { clientId: 'api', clientSecret: 'secret' };

/** What a rejection must be: class, `reason`, and any other own member. */
export const failure = (name, reason, members = {}) => ({ name, reason, ...members });
