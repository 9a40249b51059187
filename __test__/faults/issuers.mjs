// Which issuer is behind the fault proxy?
//
// The real oidc-provider, or the controllable one. Both use the proxy's origin as their own, so their tokens and
// metadata name it.

import http from 'node:http';

import { backend } from '../support/backend.mjs';
import { createClients } from '../support/clients.mjs';
import { authenticate } from '../support/client-authentication.mjs';
import { close, open, post } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { createProvider, serverKeys } from '../support/provider.mjs';
import { startFaultProxy } from './proxy.mjs';

/** `{ issuer, proxy, clients, obtainToken, close }` of oidc-provider. */
export async function startProviderBehindProxy({ tls, ca } = {}) {
  const proxy = await startFaultProxy({ tls });
  const [clients, keys] = await Promise.all([createClients(), serverKeys()]);
  const provider = await createProvider({ issuer: proxy.origin, clients, keys });
  // The proxy forwards the scheme of the request.
  provider.proxy = true;
  const server = await open(http.createServer(provider.callback()), { port: 0, host: '127.0.0.1' });
  proxy.upstream = `http://127.0.0.1:${server.address().port}`;
  return {
    issuer: proxy.origin,
    proxy,
    clients,
    /** An access token for `https://api.example.com`; `format`: `jwt` or `opaque`. */
    async obtainToken({ format = 'jwt' } = {}) {
      const { headers, form: proof } = authenticate(clients.post, { audience: proxy.origin });
      const resource = `${AUDIENCE}?format=${format}`;
      const form = { grant_type: 'client_credentials', scope: 'data:read', resource, ...proof };
      const { body } = await post(`${proxy.origin}/token`, form, { headers, ca });
      return body.access_token;
    },
    async close() {
      await proxy.down();
      await close(server);
    },
  };
}

/** The controllable issuer (support/issuer.mjs) behind `proxy`; `sign` and `opaque` name the proxy's origin. */
export async function startIssuerBehindProxy({ tls } = {}) {
  const [proxy, behind] = await Promise.all([startFaultProxy({ tls }), startIssuer()]);
  proxy.upstream = behind.issuer;
  const iss = proxy.origin;
  behind.metadata = { issuer: iss, jwks_uri: `${iss}/jwks`, introspection_endpoint: `${iss}/introspect` };
  const named = (claims) => ({ iss, ...claims });
  return {
    issuer: iss,
    proxy,
    behind,
    sign: ({ claims, ...rest } = {}) => behind.sign({ ...rest, claims: named(claims) }),
    opaque: (claims) => behind.opaque(named(claims)),
    async close() {
      await proxy.down();
      await behind.close();
    },
  };
}

let clients = 0;

/**
 * A client that shares its keys with no other client. Clients with equal settings share keys, so each one gets a
 * different deadline that no test reaches. A test that needs the deadline sets its own.
 */
export function alone(server, { responseTimeout = 30_000, ...options } = {}) {
  clients += 1;
  return backend(server, { responseTimeout: responseTimeout + clients, ...options });
}
