// How is the package configured for the authorization server? With environment variables only.

import { AUDIENCE } from '../__test__/support/issuer.mjs';

const PREFIX = 'MONOCLOUD_BACKEND_';

/** Sets MONOCLOUD_BACKEND_* for `server`, and removes what the shell had set. */
export function configure(server) {
  for (const name of Object.keys(process.env).filter((key) => key.startsWith(PREFIX))) {
    delete process.env[name];
  }
  const { clientId, clientSecret } = server.clients.post.options;
  Object.assign(process.env, {
    [`${PREFIX}TENANT_DOMAIN`]: server.issuer,
    [`${PREFIX}AUDIENCE`]: AUDIENCE,
    [`${PREFIX}CLIENT_ID`]: clientId,
    [`${PREFIX}CLIENT_SECRET`]: clientSecret,
    // The package uses HTTP_PROXY, but a proxy cannot reach this process.
    NO_PROXY: [process.env.NO_PROXY ?? process.env.no_proxy, '127.0.0.1', 'localhost'].filter(Boolean).join(','),
  });
}
