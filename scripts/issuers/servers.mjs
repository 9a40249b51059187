// Which servers are there, in which order do they run?

import { betterAuth } from './servers/better-auth.mjs';
import canaille from './servers/canaille.mjs';
import djangoOauthToolkit from './servers/django-oauth-toolkit.mjs';
import doorkeeper from './servers/doorkeeper.mjs';
import glewlwyd from './servers/glewlwyd.mjs';
import lemonldap from './servers/lemonldap.mjs';
import oauth2MockServer from './servers/oauth2-mock-server.mjs';
import oidcProvider from './servers/oidc-provider.mjs';

export const servers = [
  glewlwyd,
  doorkeeper,
  lemonldap,
  djangoOauthToolkit,
  canaille,
  betterAuth('EdDSA'),
  betterAuth('ES512'),
  oauth2MockServer,
  oidcProvider,
];
