// Which `iat` says when a token was issued, so that a cut-off can be compared with it?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { createTestIssuer } from '@monocloud/backend-node/testing';

const issuer = createTestIssuer();
const now = () => Math.floor(Date.now() / 1000);
const store = { cutoff: () => 1 };
const outcome = (iat, revocation) => {
  const client = new MonoCloudBackendNodeClient({ ...issuer.options, revocation: { store, ...revocation } });
  return client.validateAccessToken(issuer.token({ iat })).then(
    () => 'accepted',
    ({ reason }) => reason,
  );
};

test('an iat more than a day in the future counts as none, so every cut-off revokes', async () => {
  for (const iat of [Date.now(), now() + 86_500, 1e300]) {
    assert.equal(await outcome(iat), 'revoked', String(iat));
    assert.equal(await outcome(iat, { requireIat: true }), 'issued_at_invalid', String(iat));
  }
  for (const iat of [now(), now() + 3600, now() + 0.5]) assert.equal(await outcome(iat), 'accepted', String(iat));
});

test('a jti and a client_id that are whole numbers are asked about as text', async () => {
  const asked = [];
  const recording = { cutoff: ({ kind, value }) => void asked.push(`${kind} ${value}`) };
  const client = new MonoCloudBackendNodeClient({ ...issuer.options, revocation: { store: recording } });
  await client.validateAccessToken(issuer.token({ jti: 5, client_id: 0, sid: 1.5, sub: 'ada' }));
  assert.deepEqual(asked.sort(), ['client_id 0', 'jti 5', 'sub ada']);
});
