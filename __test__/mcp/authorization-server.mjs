// Which authorization server do MCP clients meet in the tests?
//
// oidc-provider on loopback, with discovery, dynamic registration (RFC 7591), resource indicators (RFC 8707), PKCE and
// DPoP. `signIn` is the user and the browser.

import http from 'node:http';

import { close, open } from '../support/http.mjs';
import { memoryAdapter, importProvider } from '../support/provider.mjs';
import { generate } from '../support/keys.mjs';

export const SCOPES = ['notes:read', 'notes:write'];
export const MACHINE = { clientId: 'machine', clientSecret: 'machine-secret-'.padEnd(48, '0123456789abcdef') };

/** `{ issuer, requests, registered, signIn, close }`. */
export async function startMcpAuthorizationServer() {
  const server = http.createServer();
  await open(server, { port: 0, host: '127.0.0.1' });
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const { Provider, errors } = await importProvider();
  const provider = new Provider(issuer, await configuration(errors));
  provider.on('server_error', (_ctx, error) => console.error('oidc-provider:', error));
  const callback = provider.callback();
  const requests = [];
  server.on('request', (request, response) => {
    requests.push({ method: request.method, url: request.url });
    if (!request.url.startsWith('/interaction/')) return callback(request, response);
    answerInteraction(provider, request, response).catch((error) => response.writeHead(500).end(error.stack));
  });

  return {
    issuer,
    /** Every request, as `{ method, url }`. */
    requests,
    /** Signs the user in and consents to everything, and returns the authorization code of the redirect. */
    signIn,
    close: () => close(server),
  };
}

async function configuration(errors) {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
  return {
    adapter: forUsers(memoryAdapter()),
    clients: [
      {
        client_id: MACHINE.clientId,
        client_secret: MACHINE.clientSecret,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        // RFC 9449 §5: the client decides per request, whether its token is bound.
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'mcp', alg: 'ES256', use: 'sig' }] },
    scopes: ['openid', ...SCOPES],
    cookies: { keys: ['a secret of the tests'] },
    ttl: { AccessToken: 3600, ClientCredentials: 3600, Grant: 3600, Interaction: 600, Session: 3600, IdToken: 60 },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      registration: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, indicator) => {
          if (!/^http:\/\/(?:127\.0\.0\.1|localhost):/.test(indicator)) throw new errors.InvalidTarget();
          const jwt = { sign: { alg: 'ES256' } };
          return { audience: indicator, scope: SCOPES.join(' '), accessTokenFormat: 'jwt', jwt };
        },
        useGrantedResource: () => true,
      },
    },
  };
}

/**
 * The adapter with what sessions of users need in addition.
 *
 * The MCP clients register for the scopes of the first challenge only. This server lets them ask for more later.
 */
function forUsers(adapter) {
  return (model) => {
    const entries = adapter(model);
    const ids = new Map();
    return {
      ...entries,
      async upsert(id, payload, expiresIn) {
        if (payload.uid) ids.set(payload.uid, id);
        const stored = { ...payload };
        if (model === 'Client') delete stored.scope;
        return entries.upsert(id, stored, expiresIn);
      },
      findByUid: async (uid) => entries.find(ids.get(uid)),
      async revokeByGrantId() {},
    };
  };
}

async function answerInteraction(provider, request, response) {
  const { prompt, params, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'user-1' } });
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: 'user-1', clientId: params.client_id });
  const { missingOIDCScope, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

/** Follows redirects with cookies until one leaves the authorization server. */
async function signIn(authorizationUrl) {
  const { origin } = new URL(authorizationUrl);
  const cookies = new Map();
  let url = new URL(authorizationUrl);
  while (url.origin === origin) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    const text = await response.text();
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) throw new Error(`${url.pathname}: ${response.status} ${text.slice(0, 500)}`);
    url = new URL(location, url);
  }
  const code = url.searchParams.get('code');
  if (code === null) throw new Error(`no code: ${url.search}`);
  return { code, iss: url.searchParams.get('iss') };
}
