// How does a test get a real authorization server, and real tokens from it?
//
// oidc-provider (provider.mjs) on free ports of loopback, over HTTPS with its own PKI, or over plain HTTP for the
// demo.

import * as crypto from 'node:crypto';
import http from 'node:http';
import https from 'node:https';

import { authenticate } from './client-authentication.mjs';
import { createClients } from './clients.mjs';
import { proofOf } from './dpop.mjs';
import { close, open, post } from './http.mjs';
import { createPki } from './pki.mjs';
import { createProvider, serverKeys } from './provider.mjs';

/** Why the server cannot run on this Node, for `{ skip }` of a test; `false` if it can. */
export const unsupported =
  typeof crypto.hash === 'function' && typeof URL.parse === 'function'
    ? false
    : `oidc-provider does not run under Node ${process.versions.node}`;

const ENDPOINTS = {
  token_endpoint: '/token',
  introspection_endpoint: '/token/introspection',
  revocation_endpoint: '/token/revocation',
};

/**
 * - `tls`: HTTPS with `https://localhost:PORT` as issuer, or HTTP with `http://127.0.0.1:PORT`. Default true.
 * - `mtlsAliases`: publishes `mtls_endpoint_aliases` (RFC 8705 §5) at a second HTTPS port; then only that port asks
 *   for a client certificate. Default false.
 * - `trustStoreId`: also publishes `mtls_additional_endpoint_aliases[id]` at a third port. Default none.
 * - `tokenTtlSeconds`: default 3600.
 * - `dpopNonces`: asks for a nonce in each DPoP proof (RFC 9449 §8). Default false.
 * - `tokenClaims`: claims that every token has in addition. Default none.
 * - `pki`: a shared result of createPki(); created if absent.
 */
export async function startAuthorizationServer({
  tls = true,
  mtlsAliases = false,
  trustStoreId,
  tokenTtlSeconds,
  dpopNonces,
  tokenClaims,
  pki,
} = {}) {
  const hasAliases = mtlsAliases || trustStoreId !== undefined;
  const authority = tls || hasAliases ? (pki ?? (await createPki())) : undefined;
  const certificate = await authority?.server();

  const main = await listener(tls && { certificate, authority, requestCert: !hasAliases });
  const mtls = hasAliases ? await listener({ certificate, authority, requestCert: true }) : undefined;
  const trustStore =
    trustStoreId === undefined
      ? undefined
      : { id: trustStoreId, ...(await listener({ certificate, authority, requestCert: true })) };
  const listeners = [main, mtls, trustStore].filter(Boolean);

  const clients = await createClients(authority);
  const keys = await serverKeys();
  const issuer = main.origin;
  const discovery = {
    ...(mtls && { mtls_endpoint_aliases: endpointsAt(mtls.origin) }),
    ...(trustStore && { mtls_additional_endpoint_aliases: { [trustStoreId]: endpointsAt(trustStore.origin) } }),
  };
  const settings = { issuer, clients, tokenTtlSeconds, dpopNonces, tokenClaims, discovery };
  let handle = (await createProvider({ ...settings, keys })).callback();
  for (const { server } of listeners) {
    server.on('request', (request, response) => handle(request, response));
  }

  return {
    issuer,
    origin: main.origin,
    jwksUri: `${main.origin}/jwks`,
    pki: authority,
    clients,
    /** Private JWKs by algorithm, to sign in the server's name. */
    keys,
    /** Requests by path: at the issuer itself, and at the ports of the aliases. */
    counts: main.counts,
    mtls: mtls && { origin: mtls.origin, counts: mtls.counts },
    trustStore: trustStore && { id: trustStoreId, origin: trustStore.origin, counts: trustStore.counts },

    /**
     * Obtains an access token by client credentials (RFC 6749 §4.4).
     * - `client`: a name in `clients`, default `post`.
     * - `resource`: `https://api.example.com` (default), `https://other.example.com` or `https://opaque.example.com`.
     *   `format` (`jwt`, `opaque`) and `alg` change its defaults, but not the audience.
     * - `scope`: default `data:read`.
     * - `certificate`: `{ cert, key }` of the TLS connection; a bound token is bound to it.
     * - `dpop`: a key of dpop.mjs; the token is bound to it (RFC 9449 §5).
     * - `assertionAlg`: the algorithm of a `client_secret_jwt` or `private_key_jwt` client.
     */
    async obtainToken({
      client = 'post',
      resource = 'https://api.example.com',
      format,
      alg,
      scope = 'data:read',
      certificate: presented,
      dpop,
      assertionAlg,
    } = {}) {
      const indicator = new URL(resource);
      for (const [name, value] of Object.entries({ format, alg })) {
        if (value !== undefined) {
          indicator.searchParams.set(name, value);
        }
      }
      const form = { grant_type: 'client_credentials', scope, resource: indicator.href };
      const { body } = await ask('/token', form, { client, presented, dpop, alg: assertionAlg });
      return body.access_token;
    },

    /** Revokes an opaque token (RFC 7009). */
    async revoke(token) {
      await ask('/token/revocation', { token });
    },

    /** The server's introspection response for an opaque token (RFC 7662); `client` sends the request. */
    async introspect(token, { client, assertionAlg } = {}) {
      const { body } = await ask('/token/introspection', { token }, { client, alg: assertionAlg });
      return body;
    },

    /** From now on it signs with other keys, and publishes only these. Its opaque tokens are lost. */
    async rotate() {
      handle = (await createProvider({ ...settings, keys: await serverKeys('rotated') })).callback();
    },

    resetCounts() {
      for (const { counts } of listeners) {
        Object.keys(counts).forEach((path) => delete counts[path]);
      }
    },

    async close() {
      await Promise.all(listeners.map(({ server }) => close(server)));
    },
  };

  async function ask(path, form, { client = 'post', presented, dpop, alg } = {}) {
    const { headers: own, form: proof, tls } = authenticate(clients[client], { audience: issuer, alg });
    const headers = { ...own, ...(dpop && { dpop: proofOf({ key: dpop, method: 'POST', url: issuer + path }) }) };
    const pair = presented ? { cert: presented.cert, key: presented.key } : tls;
    const { origin } = pair && mtls ? mtls : main;
    const answer = await post(origin + path, { ...form, ...proof }, { headers, ca: authority?.ca.pem, ...pair });
    if (answer.status !== 200) {
      throw Object.assign(new Error(`${path} as ${client}: ${answer.status} ${JSON.stringify(answer.body)}`), answer);
    }
    return answer;
  }
}

/** A listening server that has no handler yet, because the issuer's name contains the port. */
async function listener(tls) {
  const host = tls ? 'localhost' : '127.0.0.1';
  const server = tls
    ? https.createServer({
        cert: tls.certificate.cert,
        key: tls.certificate.key,
        ca: tls.authority.ca.pem,
        requestCert: tls.requestCert,
        // The provider checks the certificate itself: a self-signed one may be registered.
        rejectUnauthorized: false,
      })
    : http.createServer();
  const counts = {};
  server.on('request', ({ url }) => {
    const path = url.split('?')[0];
    counts[path] = (counts[path] ?? 0) + 1;
  });
  await open(server, { port: 0, host });
  return { server, counts, origin: `${tls ? 'https' : 'http'}://${host}:${server.address().port}` };
}

function endpointsAt(origin) {
  return Object.fromEntries(Object.entries(ENDPOINTS).map(([name, path]) => [name, origin + path]));
}
