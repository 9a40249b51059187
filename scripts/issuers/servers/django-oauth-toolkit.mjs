// django-oauth-toolkit, from PyPI: opaque tokens, with `aud` only if the client asked for a `resource` (RFC 8707).
//
// It names its introspection endpoint only in the metadata of RFC 8414, and answers wrong credentials with 403.

import { packages, programOf, versionOf } from '../python/packages.mjs';
import { basic, postForm } from '../requests.mjs';
import { SECRET, SPECIAL_SECRET, pemPair } from '../secrets.mjs';

const AUDIENCE = 'https://api.example.com';
const SCOPE = 'data:read';

export default {
  name: 'django-oauth-toolkit',
  title: 'django-oauth-toolkit',
  packages: { pip: packages },

  async start({ folder, port, origin, python, launch, ready }) {
    const issuer = `${origin}/o`;
    const { privatePem } = await pemPair('RS256');
    const env = { PRIVATE_KEY: privatePem, API_SECRET: SPECIAL_SECRET, APP_SECRET: SECRET };
    const child = launch(python, [programOf('django_oauth_toolkit.py'), folder, String(port)], { env });
    await ready(`${issuer}/.well-known/openid-configuration`, child);

    const headers = basic('app', SECRET);
    const obtain = async (more) => {
      const form = { grant_type: 'client_credentials', scope: SCOPE, ...more };
      const { access_token: token } = await postForm(`${issuer}/token/`, form, { headers });
      return token;
    };
    const api = { clientId: 'api', clientSecret: SPECIAL_SECRET, isSpecial: true };

    return {
      version: versionOf('django-oauth-toolkit'),
      issuer,
      audience: AUDIENCE,
      scopes: [SCOPE],
      tokens: [
        { grant: 'client credentials with a resource', format: 'opaque', obtain: () => obtain({ resource: AUDIENCE }) },
        {
          grant: 'client credentials without a resource',
          format: 'opaque',
          hasNoAudience: true,
          options: { introspectionAudience: 'when_present' },
          obtain,
        },
      ],
      clients: [
        { ...api, method: 'client_secret_basic' },
        { ...api, method: 'client_secret_post' },
      ],
      revoke: (token) => postForm(`${issuer}/revoke_token/`, { token }, { headers }),
      notes: ['its access tokens are opaque: there are no JWTs, and no keys to rotate'],
    };
  },
};
