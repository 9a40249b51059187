// better-auth with its OAuth provider, from npm: JWTs for a resource, and opaque tokens without `aud` otherwise.
//
// A client may introspect only the tokens that were issued to itself, and an assertion names the URL of the endpoint.

import { authenticate } from '../../../__test__/support/client-authentication.mjs';
import { proofOf } from '../../../__test__/support/dpop.mjs';
import { dpopCheck } from '../dpop.mjs';
import { lock, programOf, versionOf } from '../npm/packages.mjs';
import { postForm, sendJson } from '../requests.mjs';
import { privateJwk, publicPart } from '../secrets.mjs';

const AUDIENCE = 'https://api.example.com';
const SCOPE = 'data:read';
const METHODS = [
  { method: 'client_secret_basic' },
  { method: 'client_secret_post' },
  { method: 'private_key_jwt', options: { assertionAudience: 'endpoint' } },
];

export function betterAuth(alg) {
  return {
    name: `better-auth-${alg.toLowerCase()}`,
    title: `better-auth, ${alg}`,
    packages: { lock },

    async start({ port, origin, modules, launch, ready }) {
      const issuer = `${origin}/api/auth`;
      const key = await privateJwk('RS256', 'client');
      const settings = { port, audience: AUDIENCE, scope: SCOPE, alg, jwk: publicPart(key) };
      const child = launch(process.execPath, [programOf('better-auth.mjs'), JSON.stringify(settings)], {
        cwd: modules,
      });
      await ready(`${issuer}/.well-known/openid-configuration`, child);
      const { body: registered } = await sendJson('GET', `${origin}/clients`);

      const clients = METHODS.map(({ method, ...options }) => {
        const { clientId, clientSecret = key } = registered[method];
        const client = { options: { clientAuthMethod: method, clientId, clientSecret }, secrets: { RS256: key } };
        const post = async (path, form, more) => {
          const url = `${issuer}/oauth2/${path}`;
          const { headers, form: credentials } = authenticate(client, { audience: url });
          return postForm(url, { ...form, ...credentials }, { headers: { ...headers, ...more } });
        };
        const obtain = async (more, key) => {
          const form = { grant_type: 'client_credentials', scope: SCOPE, ...more };
          const proof = key && { dpop: proofOf({ key, method: 'POST', url: `${issuer}/oauth2/token` }) };
          const { access_token: token } = await post('token', form, proof);
          return token;
        };
        const token = {
          grant: 'client credentials without a resource',
          format: 'opaque',
          hasNoAudience: true,
          options: { introspectionAudience: 'when_present' },
          obtain,
        };
        return { method, clientId, clientSecret, token, obtain, post, ...options };
      });
      const [first] = clients;
      const own = { tenantDomain: issuer, audience: AUDIENCE };
      const credentials = {
        clientAuthMethod: first.method,
        clientId: first.clientId,
        clientSecret: first.clientSecret,
      };

      return {
        version: versionOf('better-auth'),
        issuer,
        audience: AUDIENCE,
        scopes: [SCOPE],
        tokens: [
          {
            grant: 'client credentials with a resource',
            format: 'jwt',
            obtain: () => first.obtain({ resource: AUDIENCE }),
          },
          first.token,
        ],
        clients,
        async rotate() {
          await sendJson('PUT', `${origin}/expire`);
          return { isOldKeyPublished: true };
        },
        revoke: (token) => first.post('revoke', { token }),
        notes: ['a client introspects only the tokens that were issued to itself, and JWTs cannot be revoked'],
        checks: [
          dpopCheck({ format: 'jwt', options: own, obtain: (key) => first.obtain({ resource: AUDIENCE }, key) }),
          dpopCheck({
            format: 'opaque',
            options: { ...own, ...first.token.options, ...credentials },
            obtain: (key) => first.obtain({}, key),
          }),
        ],
      };
    },
  };
}
