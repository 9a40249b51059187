// How much memory do bodies of 200 MB leave behind in the client's process?
//
// The client runs in a separate process, so that its memory is not mixed with the proxy's.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { runScript } from '../support/child.mjs';
import { endless, text } from './bodies.mjs';
import { startIssuerBehindProxy } from './issuers.mjs';

const MEGABYTE = 1024 * 1024;

/** Fetches keys ROUNDS times; prints the growth of resident memory in octets. */
const SCRIPT = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
const { ISSUER: tenantDomain, TOKEN: token, ROUNDS, REASON } = process.env;
const client = new MonoCloudBackendNodeClient({ tenantDomain, audience: 'https://api.example.com', responseTimeout: 20000 });
await client.validateAccessToken(token);
const reasons = [];
async function ask() {
  await client.getJwks(true).catch(({ reason }) => reasons.push(reason));
  await client.validateAccessToken(token);
}
// Takes the least of several readings, because memory may be freed late.
async function resident() {
  let least = Infinity;
  for (let reading = 0; reading < 5; reading += 1) {
    gc();
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    least = Math.min(least, process.memoryUsage.rss());
  }
  return least;
}
// The first round pays for a connection and its buffers.
await ask();
const before = await resident();
for (let round = 0; round < ROUNDS; round += 1) await ask();
const grown = (await resident()) - before;
console.log(JSON.stringify({ grown, isRefused: reasons.every((reason) => reason === REASON), count: reasons.length }));
`;

describe('resident memory', () => {
  let server;
  before(async () => {
    server = await startIssuerBehindProxy();
  });
  after(() => server.close());

  const TINY = '{"keys":[]}';
  for (const [what, fault, reason, rounds] of [
    ['20 key sets of 200 MB', endless(), 'body_too_large', 20],
    ['20 key sets declared to be 200 MB', endless({ isDeclared: true }), 'body_too_large', 20],
    ['20 key sets of 512 KiB and no key', text(TINY.padEnd(512 * 1024)), 'keys_empty', 20],
    ['20 pages of 512 KiB that are no JSON', text('<'.repeat(512 * 1024)), 'body_invalid', 20],
    ['20 documents of 512 KiB of brackets', text('['.repeat(512 * 1024)), 'body_invalid', 20],
  ]) {
    test(`grows by no more than 5 MB for ${what}`, async () => {
      const environment = { ISSUER: server.issuer, TOKEN: server.sign(), ROUNDS: String(rounds), REASON: reason };
      server.proxy.heal();
      // The first request gets keys, all later ones get the fault.
      server.proxy.fault(
        '/jwks',
        ({ request, response, body, proxy }) => {
          proxy.fault('/jwks', fault);
          return proxy.forward(request, response, body);
        },
        { times: 2 },
      );
      const { grown, isRefused, count } = await runScript(SCRIPT, environment);
      assert.deepEqual([isRefused, count], [true, rounds + 1]);
      assert.ok(grown <= 5 * MEGABYTE, `${(grown / MEGABYTE).toFixed(1)} MB`);
    });
  }
});
