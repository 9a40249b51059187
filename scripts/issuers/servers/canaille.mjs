// Canaille (Authlib), from PyPI: opaque tokens for clients, JWTs for users who sign in with a password.
//
// `aud` is a list of client ids, times have a fraction, and the JWTs have no scope. Introspection takes Basic only.

import { packages, programOf, versionOf } from '../python/packages.mjs';
import { basic, postForm, sendJson } from '../requests.mjs';
import { SECRET, SPECIAL_SECRET, privateJwk } from '../secrets.mjs';

const AUDIENCE = 'https://api.example.com';
const SCOPE = 'profile';
const PASSWORD = 'the-password-of-ann';

export default {
  name: 'canaille',
  title: 'Canaille',
  packages: { pip: packages },

  async start({ port, origin, python, launch, ready }) {
    const firstKey = await privateJwk('RS256', 'first');
    const child = launch(python, [programOf('canaille_server.py'), String(port)], {
      env: {
        AUTHLIB_INSECURE_TRANSPORT: '1',
        AUDIENCE,
        KEYS: JSON.stringify([firstKey]),
        API_SECRET: SPECIAL_SECRET,
        APP_SECRET: SECRET,
        USER_PASSWORD: PASSWORD,
      },
    });
    await ready(`${origin}/.well-known/openid-configuration`, child);

    const headers = basic('app', SECRET);
    const obtain = async (form) => {
      const fields = { scope: `openid ${SCOPE}`, ...form };
      const { access_token: token } = await postForm(`${origin}/oauth/token`, fields, { headers });
      return token;
    };
    const api = { clientId: AUDIENCE, clientSecret: SPECIAL_SECRET, isSpecial: true };
    const byPassword = { grant_type: 'password', username: 'ann', password: PASSWORD };

    return {
      version: versionOf('Canaille'),
      issuer: origin,
      audience: AUDIENCE,
      scopes: [SCOPE],
      tokens: [
        { grant: 'client credentials', format: 'opaque', obtain: () => obtain({ grant_type: 'client_credentials' }) },
        { grant: 'password', format: 'jwt', scopes: [], obtain: () => obtain(byPassword) },
      ],
      clients: [
        { ...api, method: 'client_secret_basic' },
        { ...api, method: 'client_secret_post', isRefused: true },
      ],
      async rotate() {
        await sendJson('PUT', `${origin}/keys`, {
          active: [await privateJwk('RS256', 'second')],
          inactive: [firstKey],
        });
        return { isOldKeyPublished: true };
      },
      revoke: (token) => postForm(`${origin}/oauth/revoke`, { token }, { headers }),
    };
  },
};
