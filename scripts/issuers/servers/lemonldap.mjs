// LemonLDAP::NG, from Debian: JWTs and opaque tokens. Its issuer ends in `/`, and its introspection response has no
// `aud`. It has one signing key at a time: after a rotation, the tokens of the old key are refused.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { debianVersion } from '../install.mjs';
import { basic, codeOf, postForm, waitFor } from '../requests.mjs';
import { SECRET, SPECIAL_SECRET, pemPair } from '../secrets.mjs';

const AUDIENCE = 'https://api.example.com';
const SCOPE = 'data:read';
const REDIRECT_URI = 'https://client.example.com/callback';
/** What Debian's package installs. */
const PORTAL = '/usr/share/lemonldap-ng/portal';
/** Its own captcha, which it always loads, needs ImageMagick. */
const NO_CAPTCHA = "package NoCaptcha; use Mouse; extends 'Lemonldap::NG::Portal::Main::Plugin'; sub init { 1 } 1;";
/** A user of its built-in demonstration accounts. */
const USER = { user: 'dwho', password: 'dwho' };

export default {
  name: 'lemonldap',
  title: 'LemonLDAP::NG',
  packages: {
    // The last four are Perl modules of its OpenID Connect issuer, which Debian only recommends or suggests.
    apt: [
      'liblemonldap-ng-portal-perl',
      'starman',
      'libstring-random-perl',
      'libcrypt-openssl-bignum-perl',
      'libcrypt-urandom-perl',
      'libio-string-perl',
    ],
  },

  async start({ folder, port, origin, launch, ready }) {
    const issuer = `${origin}/`;
    const settings = settingsOf({ folder, issuer });
    const configure = async (number, kid) => {
      const { privatePem, publicPem } = await pemPair('RS256');
      const keys = {
        oidcServicePrivateKeySig: privatePem,
        oidcServicePublicKeySig: publicPem,
        oidcServiceKeyIdSig: kid,
      };
      const text = JSON.stringify({ ...settings, ...keys, cfgNum: number });
      writeFileSync(join(folder, 'conf', `lmConf-${number}.json`), text);
    };
    for (const name of ['conf', 'sessions', 'psessions', 'cache']) mkdirSync(join(folder, name));
    await configure(1, 'first');
    writeFileSync(join(folder, 'lemonldap-ng.ini'), iniOf(folder));
    writeFileSync(join(folder, 'NoCaptcha.pm'), NO_CAPTCHA);
    // One worker, because each looks for new settings by itself. It must not wait for idle connections.
    const starman = ['/usr/bin/starman', '--workers', '1', '--disable-keepalive', '--listen', `127.0.0.1:${port}`];
    const child = launch('/usr/bin/perl', [...starman, `${PORTAL}/htdocs/index.psgi`], {
      env: { LLNG_DEFAULTCONFFILE: join(folder, 'lemonldap-ng.ini'), PERL5LIB: folder },
    });
    await ready(`${origin}/.well-known/openid-configuration`, child);

    const request = (client, form) => postForm(`${origin}/oauth2/token`, form, { headers: basic(client, SECRET) });
    const machine = async (client) => {
      const { access_token: token } = await request(client, { grant_type: 'client_credentials', scope: SCOPE });
      return token;
    };
    const user = async () => {
      const cookie = await signIn(origin);
      const query = { client_id: 'jwt', redirect_uri: REDIRECT_URI, response_type: 'code', scope: `openid ${SCOPE}` };
      const code = await codeOf(`${origin}/oauth2/authorize`, query, { headers: { cookie } });
      return request('jwt', { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI });
    };

    return {
      version: await debianVersion('liblemonldap-ng-portal-perl'),
      issuer,
      audience: AUDIENCE,
      scopes: [SCOPE],
      tokens: [
        { grant: 'client credentials', format: 'opaque', obtain: () => machine('opaque'), hasNoAudience: true },
        { grant: 'client credentials', format: 'jwt', obtain: () => machine('jwt') },
        { grant: 'authorization code', format: 'jwt', obtain: async () => (await user()).access_token },
      ],
      clients: [
        { method: 'client_secret_basic', clientId: 'opaque', clientSecret: SECRET },
        { method: 'client_secret_post', clientId: 'opaque', clientSecret: SECRET },
        { method: 'client_secret_post', clientId: 'special', clientSecret: SPECIAL_SECRET, isSpecial: true },
        {
          method: 'client_secret_basic',
          clientId: 'special',
          clientSecret: SPECIAL_SECRET,
          isSpecial: true,
          isRefused: true,
        },
      ],
      idToken: async () => (await user()).id_token,
      async rotate() {
        const kids = async () => {
          const { keys } = await (await fetch(`${origin}/oauth2/jwks`)).json();
          return keys.map(({ kid }) => kid);
        };
        await configure(2, 'second');
        await waitFor(async () => (await kids()).includes('second'));
        return { isOldKeyPublished: false };
      },
    };
  },
};

async function signIn(origin) {
  const response = await fetch(`${origin}/`, {
    method: 'POST',
    redirect: 'manual',
    headers: { accept: 'application/json' },
    body: new URLSearchParams(USER),
  });
  const cookie = response.headers.getSetCookie().find((text) => text.startsWith('lemonldap='));
  if (!cookie) throw new Error(`signing in: ${response.status} ${(await response.text()).slice(0, 300)}`);
  return cookie.split(';')[0];
}

function settingsOf({ folder, issuer }) {
  const sessions = (name) => ({
    Directory: join(folder, name),
    LockDirectory: join(folder, name),
    generateModule: 'Lemonldap::NG::Common::Apache::Session::Generate::SHA256',
  });
  const clients = {
    opaque: clientOf('opaque', SECRET, { AccessTokenJWT: 0 }),
    jwt: clientOf('jwt', SECRET, { AccessTokenJWT: 1, AccessTokenSignAlg: 'RS256' }),
    special: clientOf('special', SPECIAL_SECRET, {}),
  };
  const each = (value) => Object.fromEntries(Object.keys(clients).map((name) => [name, value]));
  return {
    cfgAuthor: 'test',
    cfgDate: '1',
    portal: issuer,
    domain: '127.0.0.1',
    cookieName: 'lemonldap',
    securedCookie: 0,
    whatToTrace: '_whatToTrace',
    macros: { _whatToTrace: 'lc($_user)' },
    locationRules: {},
    exportedHeaders: {},
    exportedVars: {},
    demoExportedVars: { cn: 'cn', mail: 'mail', uid: 'uid' },
    groups: {},
    timeout: 72_000,
    authentication: 'Demo',
    userDB: 'Same',
    passwordDB: 'Null',
    registerDB: 'Null',
    requireToken: 0,
    captcha: 'NoCaptcha',
    portalDisplayRegister: 0,
    portalDisplayResetPassword: 0,
    globalStorage: 'Apache::Session::File',
    globalStorageOptions: sessions('sessions'),
    persistentStorage: 'Apache::Session::File',
    persistentStorageOptions: sessions('psessions'),
    localSessionStorage: 'Cache::FileCache',
    localSessionStorageOptions: {
      namespace: 'lemonldap-ng-sessions',
      default_expires_in: 600,
      directory_umask: '007',
      cache_root: join(folder, 'cache'),
      cache_depth: 3,
    },
    issuerDBOpenIDConnectActivation: 1,
    oidcServiceAllowAuthorizationCodeFlow: 1,
    oidcRPMetaDataOptions: clients,
    oidcRPMetaDataExportedVars: each({}),
    oidcRPMetaDataScopeRules: each({ [SCOPE]: '1' }),
  };
}

function clientOf(id, secret, more) {
  const options = {
    ClientID: id,
    ClientSecret: secret,
    AllowClientCredentialsGrant: 1,
    AdditionalAudiences: AUDIENCE,
    BypassConsent: 1,
    IDTokenSignAlg: 'RS256',
    RedirectUris: REDIRECT_URI,
    ...more,
  };
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [`oidcRPMetaDataOptions${name}`, value]));
}

/** `checkTime`: it looks for new settings, such as another key, every second. A cache of settings would hide them. */
function iniOf(folder) {
  return [
    '[all]',
    'logLevel = warn',
    'checkTime = 1',
    '[configuration]',
    'type = File',
    `dirName = ${join(folder, 'conf')}`,
    '[portal]',
    'staticPrefix = /static',
    `templateDir = ${PORTAL}/templates`,
    'languages = en',
    '',
  ].join('\n');
}
