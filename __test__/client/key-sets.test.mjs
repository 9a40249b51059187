// Which entries of an issuer's JWK Set are used, and which event reports the others?

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, test } from 'node:test';

import native from '../../npm/native/panic-guard.js';
import { eventually } from '../support/eventually.mjs';
import { JWKS, offline, signed } from '../support/offline.mjs';

const CHANNEL = 'monocloud:backend:keys.refreshed';
const ED = JWKS.keys.find(({ kid }) => kid === 'ed');
const OTHERS = JWKS.keys.filter((key) => key !== ED);
const PRIVATE = { ...OTHERS[0], kid: 'private', d: 'AQAB' };

/** The event about a set, and the client's result for a token of the Ed25519 key. */
async function refreshed(jwks) {
  const messages = [];
  const listen = (message) => messages.push(message);
  subscribe(CHANNEL, listen);
  try {
    const client = offline({ jwksResolver: () => jwks });
    const subject = await client.validateAccessToken(signed()).then(
      ({ sub }) => sub,
      ({ reason }) => reason,
    );
    const { keys, leftOut } = await eventually(() => messages[0]);
    return { subject, keys, leftOut };
  } finally {
    unsubscribe(CHANNEL, listen);
  }
}

describe('a JWK Set', () => {
  test('of only usable keys leaves none out', async () => {
    assert.deepEqual(await refreshed(JWKS), { subject: 'user-1', keys: JWKS.keys.length, leftOut: undefined });
  });

  test('with entries that are not used says how many, and why', async () => {
    const keys = [ED, PRIVATE, { ...PRIVATE, kid: 'private-2' }, { ...OTHERS[0], use: 'enc' }, 7];
    assert.deepEqual(await refreshed({ keys }), {
      subject: 'user-1',
      keys: 1,
      leftOut: { private_members: 2, not_for_signatures: 1, malformed: 1 },
    });
  });

  test('whose key publishes its private half verifies nothing with it', async () => {
    const { subject, leftOut } = await refreshed({ keys: [...OTHERS, { ...ED, d: ED.x }] });
    assert.deepEqual([subject, leftOut], ['key_not_found', { private_members: 1 }]);
  });

  for (const [what, spell] of Object.entries({
    'with padding': (x) => `${x}=`,
    'in the standard alphabet': (x) => x.replaceAll('-', '+').replaceAll('_', '/'),
    'with line breaks': (x) => `${x.slice(0, 20)}\r\n${x.slice(20)}\n`,
  })) {
    test(`whose key is spelt ${what} verifies with it`, async () => {
      assert.equal((await refreshed({ keys: [...OTHERS, { ...ED, x: spell(ED.x) }] })).subject, 'user-1');
    });
  }

  test('that has a key twice, with and without alg, is not ambiguous', async () => {
    assert.equal(
      (await refreshed({ keys: [{ ...ED, alg: 'EdDSA' }, { ...ED, alg: undefined }, ...OTHERS] })).subject,
      'user-1',
    );
    assert.equal(
      (await refreshed({ keys: [{ ...ED, alg: 'EdDSA' }, { ...ED, kid: 'again' }, ...OTHERS] })).subject,
      'user-1',
    );
  });

  test('is described entry by entry', () => {
    const rows = JSON.parse(native.describeJwks(JSON.stringify({ keys: [ED, PRIVATE] })));
    assert.deepEqual(
      rows.map(({ kid, usable, why }) => [kid, usable, why]),
      [
        ['ed', true, null],
        ['private', false, 'private_members'],
      ],
    );
    assert.match(rows[1].explanation, /replace this key/);
    assert.equal(native.describeJwks('[]'), null);
  });
});
