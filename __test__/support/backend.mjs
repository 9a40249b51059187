// How does a test create the client under test?
//
// Only from options. The shell's variables for the package or for proxies do not apply to a server on loopback.

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import { AUDIENCE } from './issuer.mjs';

for (const name of Object.keys(process.env)) {
  if (name.startsWith('MONOCLOUD_BACKEND_') || /^(https?|no|all)_proxy$/i.test(name)) {
    delete process.env[name];
  }
}

/**
 * A client of `server` (startAuthorizationServer or startIssuer) that trusts the server's own authority. `as`: the
 * name of one of the server's `clients`, which introspects.
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

/** Credentials that a controllable issuer ignores. */
export const ANY_CLIENT = { clientId: 'api', clientSecret: 'secret' };

/** The expected rejection: class, `reason`, and any other own member. */
export const failure = (name, reason, members = {}) => ({ name, reason, ...members });
