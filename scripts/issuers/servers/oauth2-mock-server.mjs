// oauth2-mock-server, from npm: JWTs of every algorithm, and keys that are added while it runs.
//
// Never use its introspection: it calls any text an active token. The doctor must say so.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { doctor } from '../../../__test__/doctor/run.mjs';
import { ALGORITHMS } from '../../../__test__/support/keys.mjs';
import { MonoCloudBackendNodeClient } from '../../../npm/index.mjs';
import { lock, versionOf } from '../npm/packages.mjs';
import { postForm } from '../requests.mjs';

const AUDIENCE = 'https://api.example.com';
const SCOPE = 'data:read';

export default {
  name: 'oauth2-mock-server',
  title: 'oauth2-mock-server',
  packages: { lock },

  async start({ port, origin, modules }) {
    const { resolve } = createRequire(join(modules, 'package.json'));
    const { OAuth2Server } = await import(pathToFileURL(resolve('oauth2-mock-server')));
    const server = new OAuth2Server();
    const { keys } = server.issuer;
    server.issuer.url = origin;
    await keys.generate('RS256');
    await server.start(port, '127.0.0.1');

    const obtain = async () => {
      const form = { grant_type: 'client_credentials', scope: SCOPE, aud: AUDIENCE };
      const { access_token: token } = await postForm(`${origin}/token`, form);
      return token;
    };
    const options = { tenantDomain: origin, audience: AUDIENCE };

    return {
      version: versionOf('oauth2-mock-server'),
      issuer: origin,
      audience: AUDIENCE,
      scopes: [SCOPE],
      tokens: [{ grant: 'client credentials', format: 'jwt', obtain }],
      clients: [],
      async rotate() {
        await keys.generate('ES256');
        // Its keys take turns, the new one last.
        await obtain();
        return { isOldKeyPublished: true };
      },
      checks: [
        {
          column: 'jwt',
          name: `each algorithm is accepted: ${ALGORITHMS.join(', ')}`,
          async run() {
            for (const alg of ALGORITHMS) await keys.generate(alg);
            const client = new MonoCloudBackendNodeClient(options);
            const seen = new Set();
            for (const { length } = keys.toJSON(); seen.size < ALGORITHMS.length && length < 100;) {
              const token = await obtain();
              await client.validateAccessToken(token, { scopes: [SCOPE] });
              seen.add(JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).alg);
            }
          },
        },
        {
          column: 'doctor',
          name: 'the doctor reports that introspection calls any text an active token',
          async run() {
            const variables = { TENANT_DOMAIN: origin, AUDIENCE, CLIENT_ID: 'api', CLIENT_SECRET: 'any' };
            const { code, report } = await doctor({ variables, flags: ['--json'] });
            const { status, message } = report.checks.find(({ id }) => id === 'introspection');
            assert.deepEqual([code, status, message], [1, 'problem', 'the server reports a random token as active']);
          },
        },
      ],
      notes: ['for tests only: its introspection calls any text an active token, so it is not used here'],
      stop: () => server.stop(),
    };
  },
};
