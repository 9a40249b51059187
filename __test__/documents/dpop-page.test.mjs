// Does docs/dpop.md show the responses that are sent, and does its example without a framework work?

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { compileFunction } from 'node:vm';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import { blocksOf, read } from '../support/documents.mjs';
import { boundToken, outcomeOf, proofKey, proofOf } from '../support/dpop.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const require = createRequire(import.meta.url);
const { FAILURES } = require('../../npm/errors/errors.js');
const { Responses } = require('../../npm/protect/response.js');

const page = read('docs/dpop.md');

describe('the table of responses', () => {
  const [, table] = /^## Responses$(.*?)^## /ms.exec(page);
  const rows = table
    .split('\n')
    .map((line) => /^\| (.+?) \| (\d{3})(.*?) \| (.+?) \|$/.exec(line))
    .filter(Boolean);
  const responses = new Responses({ algorithms: 'A' });
  const bearer = (reason) => responses.to(FAILURES[reason], {});
  const dpop = (reason, nonce) =>
    responses.to(FAILURES[reason], { scopes: ['a'] }, { __proto__: null, scheme: 'dpop', nonce });
  const answers = {
    'no credentials': [responses.noToken],
    'rejected bearer token, also one that is bound': ['expired', 'dpop_scheme_required'].map(bearer),
    'rejected token with the scheme `DPoP`, or bound to another key': ['expired', 'dpop_key_mismatch'].map((reason) =>
      dpop(reason),
    ),
    'rejected or missing proof': ['dpop_proof_missing', 'dpop_replayed'].map((reason) => dpop(reason)),
    'proof that needs a nonce': ['dpop_nonce_missing', 'dpop_nonce_stale'].map((reason) => dpop(reason, 'n')),
    'two `Authorization` headers': [responses.ambiguous],
    'missing scopes': [dpop('scope_missing')],
    'the replay store fails, with `refuse`': [dpop('replay_store_failed')],
  };

  test('has a row for each response, as it is sent', () => {
    assert.deepEqual(
      rows.map(([, situation]) => situation),
      Object.keys(answers),
    );
    for (const [, situation, status, more, challenge] of rows) {
      for (const { status: sent, headers } of answers[situation]) {
        assert.equal(sent, Number(status), situation);
        const shape = headers['WWW-Authenticate']?.replaceAll(/(error_description|scope)="[^"]*"/g, '$1="…"');
        assert.equal(shape ?? 'none', challenge.replaceAll('`', ''), situation);
        assert.equal('DPoP-Nonce' in headers, more.includes('DPoP-Nonce'), situation);
        assert.equal(headers['Retry-After'], /`Retry-After: (\d+)`/.exec(more)?.[1], situation);
      }
    }
  });
});

test('the example without a framework accepts a proof of its URL, once, and no other proof', async (t) => {
  const issuer = await startIssuer();
  t.after(() => issuer.close());
  const { text } = blocksOf(page).find(({ text: code }) => code.includes("scheme: 'dpop'"));
  const body = text.replace(/^import .*\n/m, '').replace('export function', 'return function');
  const Client = function Client() {
    return new MonoCloudBackendNodeClient({ tenantDomain: issuer.issuer, audience: AUDIENCE });
  };
  const check = compileFunction(body, ['MonoCloudBackendNodeClient'])(Client);
  const key = await proofKey();
  const token = boundToken(issuer, key);
  const send = (proof) => check({ headers: { dpop: proof }, method: 'GET', url: '/orders?page=2' }, token);
  const proof = proofOf({ key, token, url: 'https://api.example.com/orders' });
  assert.equal(await outcomeOf(send(proof)), 'accepted');
  assert.equal(await outcomeOf(send(proof)), 'dpop_replayed');
  assert.equal(await outcomeOf(send(undefined)), 'dpop_proof_missing');
  assert.equal(await outcomeOf(send(proofOf({ key, token, url: 'https://api.example.com/' }))), 'dpop_url_mismatch');
});
