// Glewlwyd, from Debian: JWTs by RFC 9068, four methods of client authentication, rotation and revocation. It issues no
// opaque tokens.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { basic, postForm, sendJson } from '../requests.mjs';
import { SECRET, SPECIAL_SECRET, privateJwk, publicPart } from '../secrets.mjs';

const AUDIENCE = 'https://api.example.com';
const SCOPE = 'data:read';
/** The `aud` of a client assertion. */
const ASSERTIONS = { assertionAudience: 'endpoint' };
/** Debian's package keeps it here for dbconfig-common. Its copy below /usr/share/doc is missing in small images. */
const DATABASE = 'usr/share/dbconfig-common/data/glewlwyd/install/sqlite3';
/** The account that this database contains. */
const ADMINISTRATOR = { username: 'admin', password: 'password' };

export default {
  name: 'glewlwyd',
  title: 'Glewlwyd',
  // Unpacked, because its installation makes a user, a service and a database. The last package stands in for the
  // clients of databases that it depends on.
  packages: { unpack: ['glewlwyd', 'sqlite3', 'dbconfig-no-thanks'] },

  async start({ root, env, folder, port, origin, run, launch, ready }) {
    const api = `${origin}/api`;
    const issuer = `${api}/oidc`;
    const database = join(folder, 'glewlwyd.db');
    await run('sqlite3', [database], { env, input: readFileSync(join(root, DATABASE)) });
    const settings = join(folder, 'glewlwyd.conf');
    writeFileSync(settings, configuration({ root, port, origin, database }));
    const child = launch('glewlwyd', [`--config-file=${settings}`], { env });
    await ready(`${origin}/config`, child);

    const { headers: answer } = await sendJson('POST', `${api}/auth/`, ADMINISTRATOR);
    const headers = { cookie: answer.get('set-cookie').split(';')[0] };
    const firstKey = await privateJwk('RS256', 'first');
    const clientKey = await privateJwk('RS256', 'client');
    const plugin = pluginOf(issuer, [firstKey]);
    await sendJson('POST', `${api}/scope`, scopeOf(SCOPE), { headers });
    await sendJson('POST', `${api}/mod/plugin`, plugin, { headers });
    for (const client of [
      clientOf('api', SECRET, ['client_secret_basic', 'client_secret_post', 'client_secret_jwt']),
      clientOf('special', SPECIAL_SECRET, ['client_secret_basic', 'client_secret_post']),
      { ...clientOf('key', 'unused', ['private_key_jwt']), jwks: { keys: [publicPart(clientKey)] } },
    ]) {
      await sendJson('POST', `${api}/client`, client, { headers });
    }

    const obtain = async () => {
      const form = { grant_type: 'client_credentials', scope: SCOPE, resource: AUDIENCE };
      const { access_token: token } = await postForm(`${issuer}/token`, form, { headers: basic('api', SECRET) });
      return token;
    };

    return {
      version: (await run('glewlwyd', ['--version'], { env })).trim(),
      issuer,
      audience: AUDIENCE,
      scopes: [SCOPE],
      tokens: [{ grant: 'client credentials', format: 'jwt', obtain }],
      clients: [
        { method: 'client_secret_basic', clientId: 'api', clientSecret: SECRET },
        { method: 'client_secret_post', clientId: 'api', clientSecret: SECRET },
        { method: 'client_secret_jwt', clientId: 'api', clientSecret: SECRET, options: ASSERTIONS },
        { method: 'private_key_jwt', clientId: 'key', clientSecret: clientKey, options: ASSERTIONS },
        { method: 'client_secret_post', clientId: 'special', clientSecret: SPECIAL_SECRET, isSpecial: true },
        // It compares what Basic contains without decoding it.
        {
          method: 'client_secret_basic',
          clientId: 'special',
          clientSecret: SPECIAL_SECRET,
          isSpecial: true,
          isRefused: true,
        },
        // It accepts only the URL of the endpoint as the audience of an assertion.
        { method: 'private_key_jwt', clientId: 'key', clientSecret: clientKey, isRefused: true },
      ],
      notes: [
        "assertionAudience: 'endpoint' is required for the methods that send an assertion",
        'it does not decode Basic: for a secret with special characters, use client_secret_post',
      ],
      async rotate() {
        const parameters = {
          ...plugin.parameters,
          'jwks-private': setOf([await privateJwk('ES256', 'second'), firstKey]),
        };
        await sendJson('PUT', `${api}/mod/plugin/oidc`, { ...plugin, parameters }, { headers });
        await sendJson('PUT', `${api}/mod/plugin/oidc/reset`, undefined, { headers });
        return { isOldKeyPublished: true };
      },
      revoke: (token) => postForm(`${issuer}/revoke`, { token }, { headers: basic('api', SECRET) }),
    };
  },
};

function configuration({ root, port, origin, database }) {
  const text = {
    bind_address: '127.0.0.1',
    external_url: origin,
    login_url: 'login.html',
    api_prefix: 'api',
    log_mode: 'console',
    log_level: 'ERROR',
    session_key: 'GLEWLWYD2_SESSION_ID',
    admin_scope: 'g_admin',
    profile_scope: 'g_profile',
    user_module_path: `${root}/usr/lib/glewlwyd/user`,
    client_module_path: `${root}/usr/lib/glewlwyd/client`,
    user_auth_scheme_module_path: `${root}/usr/lib/glewlwyd/scheme`,
    plugin_module_path: `${root}/usr/lib/glewlwyd/plugin`,
    hash_algorithm: 'SHA512',
  };
  return [
    `port=${port}`,
    ...Object.entries(text).map(([name, value]) => `${name}="${value}"`),
    `database = { type = "sqlite3"; path = "${database}"; };`,
    '',
  ].join('\n');
}

function pluginOf(issuer, keys) {
  const allowed = ['code', 'token', 'id-token', 'none', 'password', 'client', 'refresh'];
  return {
    module: 'oidc',
    name: 'oidc',
    display_name: 'oidc',
    order_rank: 0,
    parameters: {
      iss: issuer,
      'jwks-private': setOf(keys),
      'jwks-show': true,
      'jwt-type': 'rsa',
      'jwt-key-size': '256',
      key: '',
      cert: '',
      'access-token-duration': 3600,
      'refresh-token-duration': 3600,
      'code-duration': 600,
      'refresh-token-rolling': false,
      'allow-non-oidc': true,
      'subject-type': 'public',
      ...Object.fromEntries(allowed.map((grant) => [`auth-type-${grant}-enabled`, true])),
      'auth-type-device-enabled': false,
      'allowed-scope': ['openid', SCOPE],
      'introspection-revocation-allowed': true,
      'introspection-revocation-allow-target-client': true,
      'introspection-revocation-auth-scope': [],
      'request-parameter-allow': true,
      'request-uri-allow-https-non-secure': true,
      'client-jwks-parameter': 'jwks',
      'client-pubkey-parameter': 'pubkey',
      'resource-allowed': true,
      'resource-scope': { [SCOPE]: [AUDIENCE] },
      'resource-client-property': '',
      'resource-scope-and-client-property': false,
    },
  };
}

function setOf(keys) {
  return JSON.stringify({ keys });
}

function scopeOf(name) {
  return { name, display_name: name, password_required: false, scheme: {} };
}

function clientOf(id, secret, methods) {
  return {
    client_id: id,
    name: id,
    confidential: true,
    enabled: true,
    client_secret: secret,
    authorization_type: ['client_credentials'],
    token_endpoint_auth_method: methods,
    scope: [SCOPE],
    redirect_uri: ['https://client.example.com/callback'],
  };
}
