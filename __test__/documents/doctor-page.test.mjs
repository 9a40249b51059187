// Does docs/doctor.md show the doctor's real output?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { doctor } from '../doctor/run.mjs';
import { blocksOf, read } from '../support/documents.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

let issuer;

before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

test('docs/doctor.md shows the lines that the doctor prints for an expired token, without what differs per run', async () => {
  const token = issuer.sign({ claims: { exp: Math.floor(Date.now() / 1000) - 3600 } });
  const { stdout } = await doctor({
    variables: { TENANT_DOMAIN: issuer.issuer, AUDIENCE, CLIENT_ID: 'api', CLIENT_SECRET: 'a secret of the tests' },
    flags: ['--token', '-', '--scope', 'data:write'],
    input: token,
  });
  const shown = blocksOf(read('docs/doctor.md')).find(({ language }) => language === 'text').text;
  assert.deepEqual(linesOf(shown), linesOf(stdout));
});

/** Removes versions, addresses, times and sizes. */
function linesOf(output) {
  return output
    .trim()
    .replace(/^@monocloud.*$/m, '')
    .replaceAll(/https?:\/\/(?:127\.0\.0\.1:\d+|acme\.us\.monocloud\.com)/g, 'ISSUER')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\d+ (ms|min|bytes)/g, 'N $1')
    .split('\n')
    .map((line) => line.trimEnd());
}
