// better-auth with its plugins for JWTs and OAuth, on 127.0.0.1, with its data in memory.
//
// Argument: JSON with `port`, `audience`, `scope`, `alg`, and `jwk`: the public key of the client that authenticates by
// `private_key_jwt`. The packages are found from the current folder. PUT /expire ends the time of the signing key, so
// that the next token has a new one. GET /clients lists the clients.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { resolve } = createRequire(join(process.cwd(), 'here.js'));
const load = (name) => import(pathToFileURL(resolve(name)));
const { betterAuth } = await load('better-auth');
const { memoryAdapter } = await load('better-auth/adapters/memory');
const { toNodeHandler } = await load('better-auth/node');
const { jwt } = await load('better-auth/plugins');
const { oauthProvider } = await load('@better-auth/oauth-provider');

const { port, audience, scope, alg, jwk } = JSON.parse(process.argv[2]);
const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];

const plugins = [
  jwt({ jwks: { keyPairConfig: { alg } } }),
  oauthProvider({
    loginPage: '/login',
    consentPage: '/consent',
    scopes: ['openid', scope],
    resources: [{ identifier: audience, allowedScopes: [scope] }],
    enforcePerClientResources: false,
    clientPrivileges: () => true,
    silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
  }),
];
const tables = { user: [], session: [], account: [], verification: [] };
for (const { schema = {} } of plugins) for (const name of Object.keys(schema)) tables[name] ??= [];

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: 'only-for-tests-0123456789-ABCDEFGHIJ',
  database: memoryAdapter(tables),
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  rateLimit: { enabled: false },
  plugins,
});

// Only somebody who is signed in may create clients.
const signedUp = await auth.api.signUpEmail({
  body: { email: 'ann@example.com', password: 'only-for-tests', name: 'Ann' },
  asResponse: true,
});
const cookie = signedUp.headers.getSetCookie().map((line) => line.split(';')[0]);
const headers = new Headers({ cookie: cookie.join('; ') });

const clients = {};
for (const method of METHODS) {
  const body = {
    client_name: method,
    redirect_uris: ['https://client.example.com/callback'],
    token_endpoint_auth_method: method,
    grant_types: ['client_credentials'],
    response_types: [],
    scope,
    client_credentials_scopes: [scope],
    ...(method === 'private_key_jwt' && { jwks: { keys: [jwk] } }),
  };
  const { client_id: clientId, client_secret: clientSecret } = await auth.api.adminCreateOAuthClient({ headers, body });
  clients[method] = { clientId, clientSecret };
}

const handle = toNodeHandler(auth);
const own = {
  'GET /clients': () => clients,
  'PUT /expire': () => tables.jwks.map((row) => (row.expiresAt = new Date(Date.now() - 1000))).length,
};

createServer((request, response) => {
  const answer = own[`${request.method} ${request.url}`];
  return answer ? response.end(JSON.stringify(answer())) : handle(request, response);
}).listen(port, '127.0.0.1');
