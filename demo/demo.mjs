// Does the package protect a real API with a real authorization server?
//
// `npm run demo` starts oidc-provider, an Express API and a Fastify API in this process, sends valid and invalid
// tokens to the APIs, and prints their responses. Exit code 0 means that every row is as expected.
// `npm run demo -- --serve` then keeps running and prints curl commands to try.

import { listen } from '../__test__/support/http.mjs';
import { startAuthorizationServer, unsupported } from '../__test__/support/authorization-server.mjs';
import { configure } from './environment.mjs';
import { jwtRows } from './jwt-rows.mjs';
import { callAll, print } from './table.mjs';

// Opaque, certificate-bound and cached tokens.
const WITH_INTROSPECTION = true;

const closers = [];

async function main({ serve }) {
  if (unsupported) {
    throw new Error(unsupported);
  }
  // Plain HTTP on loopback, and an HTTPS port for certificate-bound tokens.
  const server = await startAuthorizationServer({ tls: false, mtlsAliases: true });
  closers.push(() => server.close());
  configure(server);

  // Imported after the environment is set, because the APIs read it when they are loaded.
  const apis = [
    { name: 'Express', ...(await start('./express-api.mjs')) },
    { name: 'Fastify', ...(await start('./fastify-api.mjs')) },
  ];
  const rows = await jwtRows(server);
  const results = [];
  for (const api of apis) {
    results.push(...(await callAll(api, rows, server)));
  }
  if (WITH_INTROSPECTION) {
    const { callIntrospected } = await import('./introspection-rows.mjs');
    results.push(...(await callIntrospected(apis, server)));
  }

  const { callDpop } = await import('./dpop-rows.mjs');
  results.push(...(await callDpop(apis, server)));

  if (!print(results, server)) {
    process.exitCode = 1;
  }
  if (serve) {
    await printCurl(apis, server);
    await interrupted();
  }
}

async function start(path) {
  const { default: app } = await import(path);
  const api = await listen(app);
  closers.push(api.close);
  return api;
}

async function printCurl(apis, server) {
  const [member, outsider] = await Promise.all([
    server.obtainToken({ scope: 'data:read data:write' }),
    server.obtainToken({ client: 'basic', scope: 'data:read' }),
  ]);
  console.log('\nTokens, good for an hour:\n');
  console.log(`MEMBER=${member}\n`);
  console.log(`OUTSIDER=${outsider}\n`);
  for (const { name, url } of apis) {
    console.log(`# ${name}`);
    for (const [path, token, answer] of [
      ['protected', 'MEMBER', '200'],
      ['data', 'MEMBER', '200'],
      ['team', 'MEMBER', '200'],
      ['protected', undefined, '401, no token'],
      ['data', 'OUTSIDER', '403, no data:write'],
      ['team', 'OUTSIDER', '403, not in engineering'],
    ]) {
      const credential = token ? ` -H "Authorization: Bearer $${token}"` : '';
      console.log(`${`curl -i ${url}/api/${path}${credential}`.padEnd(84)}  # ${answer}`);
    }
    console.log();
  }
  console.log('Ctrl-C ends it.');
}

function interrupted() {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

try {
  await main({ serve: process.argv.includes('--serve') });
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  // Nothing listens any more, so the process ends by itself.
  await Promise.allSettled(closers.map((close) => close()));
}
