// Doorkeeper, from Debian, in a Rails application of one file: opaque tokens, with and without `aud`.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { debianVersion } from '../install.mjs';
import { basic, codeOf, postForm } from '../requests.mjs';
import { SECRET, SPECIAL_SECRET } from '../secrets.mjs';

const AUDIENCE = 'https://api.example.com';
const SCOPE = 'data:read';
const REDIRECT_URI = 'https://client.example.com/callback';

export default {
  name: 'doorkeeper',
  title: 'Doorkeeper',
  packages: { apt: ['ruby-doorkeeper-openid-connect', 'ruby-activerecord', 'ruby-sqlite3', 'puma'] },

  async start({ folder, port, origin: issuer, launch, ready }) {
    copyFileSync(fileURLToPath(new URL('doorkeeper.ru', import.meta.url)), join(folder, 'config.ru'));
    const clients = { 'with-audience': SECRET, plain: SECRET, special: SPECIAL_SECRET };
    const SETTINGS = JSON.stringify({ issuer, audience: AUDIENCE, redirectUri: REDIRECT_URI, clients });
    // Not the first `ruby` on PATH: Debian's packages belong to Debian's Ruby.
    const child = launch(
      '/usr/bin/ruby',
      ['/usr/bin/puma', '-b', `tcp://127.0.0.1:${port}`, '-t', '1:4', 'config.ru'],
      {
        env: { RAILS_ENV: 'production', SETTINGS },
      },
    );
    await ready(`${issuer}/.well-known/openid-configuration`, child);

    const request = async (client, form) => {
      const { access_token: token } = await postForm(`${issuer}/oauth/token`, form, { headers: basic(client, SECRET) });
      return token;
    };
    const machine = (client) => () => request(client, { grant_type: 'client_credentials', scope: SCOPE });
    const user = async () => {
      const query = { client_id: 'with-audience', redirect_uri: REDIRECT_URI, response_type: 'code', scope: SCOPE };
      const code = await codeOf(`${issuer}/oauth/authorize`, query);
      return request('with-audience', { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI });
    };

    return {
      version: await debianVersion('ruby-doorkeeper'),
      issuer,
      audience: AUDIENCE,
      scopes: [SCOPE],
      tokens: [
        { grant: 'client credentials', format: 'opaque', obtain: machine('with-audience') },
        { grant: 'authorization code', format: 'opaque', obtain: user },
        { grant: 'client credentials, without aud', format: 'opaque', obtain: machine('plain'), hasNoAudience: true },
      ],
      clients: [
        { method: 'client_secret_basic', clientId: 'plain', clientSecret: SECRET },
        { method: 'client_secret_post', clientId: 'plain', clientSecret: SECRET },
        { method: 'client_secret_post', clientId: 'special', clientSecret: SPECIAL_SECRET, isSpecial: true },
        // It compares what Basic contains without decoding it.
        {
          method: 'client_secret_basic',
          clientId: 'special',
          clientSecret: SPECIAL_SECRET,
          isSpecial: true,
          isRefused: true,
        },
      ],
      revoke: (token) => postForm(`${issuer}/oauth/revoke`, { token }, { headers: basic('with-audience', SECRET) }),
    };
  },
};
