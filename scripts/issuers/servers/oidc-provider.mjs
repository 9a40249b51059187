// oidc-provider, a devDependency, over HTTPS: JWTs and opaque tokens by resource (RFC 8707), and every method of client
// authentication, those with certificates too (RFC 8705).

import { createRequire } from 'node:module';

import { startAuthorizationServer } from '../../../__test__/support/authorization-server.mjs';
import { dpopCheck } from '../dpop.mjs';

const AUDIENCE = 'https://api.example.com';
const METHODS = ['basic', 'post', 'secretJwt', 'privateKeyJwt', 'tls', 'selfSigned'];

export default {
  name: 'oidc-provider',
  title: 'oidc-provider',
  packages: {},

  async start() {
    const server = await startAuthorizationServer();
    const { version } = createRequire(import.meta.url)('oidc-provider/package.json');
    const obtain = (format, dpop) => server.obtainToken({ format, dpop });
    const options = { certificateAuthorities: server.pki.ca.pem };
    const own = { tenantDomain: server.issuer, audience: AUDIENCE, ...options };
    return {
      version,
      issuer: server.issuer,
      audience: AUDIENCE,
      options,
      scopes: ['data:read'],
      tokens: [
        { grant: 'client credentials', format: 'jwt', obtain: () => obtain('jwt') },
        { grant: 'client credentials', format: 'opaque', obtain: () => obtain('opaque') },
      ],
      clients: METHODS.map((name) => {
        const { clientAuthMethod: method, clientId, clientSecret, ...options } = server.clients[name].options;
        return { method, clientId, clientSecret, options, isSpecial: name === 'basic' };
      }),
      async rotate() {
        await server.rotate();
        return { isOldKeyPublished: false };
      },
      revoke: (token) => server.revoke(token),
      checks: [
        dpopCheck({ format: 'jwt', options: own, obtain: (key) => obtain('jwt', key) }),
        dpopCheck({
          format: 'opaque',
          options: { ...own, ...server.clients.post.options },
          obtain: (key) => obtain('opaque', key),
        }),
      ],
      stop: () => server.close(),
    };
  },
};
