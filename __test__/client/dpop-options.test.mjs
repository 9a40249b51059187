// Which DPoP options does a client take, and how does it reject an invalid value?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import { bad, CANARY, environment, giving, GOOD } from '../support/options.mjs';

/** Each option, its variable, invalid values in code, and invalid texts in the environment. */
const OPTIONS = [
  ['validateDPoPBinding', 'VALIDATE_DPOP_BINDING', [true, 1], [CANARY, 'Required']],
  [
    'publicUrl',
    'PUBLIC_URL',
    [1, true, [], [1], [''], {}, Array(17).fill('https://a')],
    [CANARY, `/${CANARY}`, `https://${CANARY}?a`, `https://a#${CANARY}`, `https://${CANARY}@a`, `ftp://${CANARY}`],
  ],
  [
    'dpop.algorithms',
    'DPOP_ALGORITHMS',
    [1, true, [], ['ES256', 1], ['ES256', 'ES256'], ['ES256', 'HS256'], new Set(['ES256'])],
    ['none', 'HS256', 'es256', CANARY, 'ES256,RS256'],
  ],
  ['dpop.maxAge', 'DPOP_MAX_AGE', [0, 601, 1.5, '60', NaN, Infinity, true, 5n], ['0', '601', '-1']],
  ['dpop.leeway', 'DPOP_LEEWAY', [-1, 61, 0.5, '30', NaN], ['61', '-1']],
  ['dpop.nonce', 'DPOP_NONCE', [true, 1], [CANARY, 'Off', 'always']],
  [
    'dpop.nonceSecret',
    'DPOP_NONCE_SECRET',
    [1, true, {}, Buffer.alloc(32)],
    [CANARY, '0'.repeat(62), 'A'.repeat(42), `${'A'.repeat(43)}=`, `${CANARY}+/`.repeat(4), '00'.repeat(1025)],
  ],
  ['dpop.nonceRotation', 'DPOP_NONCE_ROTATION', [9, 3601, 10.5, '60'], ['9', '3601']],
  ['dpop.replayCacheSize', 'DPOP_REPLAY_CACHE_SIZE', [1023, 16_777_217, 2000.5, '2000'], ['1023', '16777217']],
];

describe('a bad option', () => {
  for (const [option, variable, values, texts] of OPTIONS) {
    test(`${option} throws from the constructor, naming itself and its variable`, (t) => {
      for (const value of [...values, ...texts]) {
        assert.throws(
          () => new MonoCloudBackendNodeClient(giving(option, value)),
          bad(option, variable),
          String(value),
        );
      }
      for (const text of texts) {
        environment(t, { [variable]: text });
        assert.throws(() => new MonoCloudBackendNodeClient(GOOD), bad(option, variable), text);
      }
    });
  }

  for (const [option, dpop] of [
    ['dpop.replayStore', { replayStore: () => true }],
    ['dpop.replayStore', { replayStore: 'redis://a' }],
    ['dpop.replayStore.add', { replayStore: {} }],
    ['dpop.replayStore.add', { replayStore: { add: true } }],
    ['dpop.replayStoreFailure', { replayStoreFailure: 'ignore' }],
    ['dpop.replayStoreFailure', { replayStoreFailure: true }],
  ]) {
    test(`${option} of the wrong kind throws from the constructor, naming itself: ${inspect(dpop)}`, () => {
      assert.throws(() => new MonoCloudBackendNodeClient({ ...GOOD, dpop }), {
        name: 'MonoCloudValidationError',
        reason: 'option_invalid',
        message: new RegExp(`option ${option}\\)`),
      });
    });
  }

  test('dpop that is no plain object is refused', () => {
    for (const dpop of [true, 'on', 1, [], () => {}, new Map()]) {
      assert.throws(() => new MonoCloudBackendNodeClient({ ...GOOD, dpop }), { reason: 'option_invalid' });
    }
  });

  test('inherited members of dpop are ignored', () => {
    const polluted = { ...GOOD, dpop: JSON.parse('{"__proto__":{"maxAge":0}}') };
    assert.throws(() => new MonoCloudBackendNodeClient(polluted), { reason: 'option_invalid' });
    Object.prototype.maxAge = 0; // oxlint-disable-line no-extend-native
    Object.prototype.dpop = { maxAge: 0 }; // oxlint-disable-line no-extend-native
    try {
      assert.ok(new MonoCloudBackendNodeClient({ ...GOOD, dpop: {} }));
      assert.ok(new MonoCloudBackendNodeClient(GOOD));
    } finally {
      delete Object.prototype.maxAge;
      delete Object.prototype.dpop;
    }
  });
});

describe('a good option', () => {
  test('is accepted at its bound', () => {
    for (const options of [
      { dpop: { maxAge: 1, leeway: 0, nonceRotation: 10, replayCacheSize: 1024 } },
      { dpop: { maxAge: 600, leeway: 60, nonceRotation: 3600, replayCacheSize: 16_777_216 } },
      { dpop: { nonceSecret: '00'.repeat(32) } },
      { dpop: { nonceSecret: 'g'.repeat(43), nonce: 'off' } },
      { dpop: { nonce: 'when_stale', algorithms: ['EdDSA', 'Ed25519'] } },
      { dpop: { replayStore: { add: async () => true }, replayStoreFailure: 'refuse' } },
      { dpop: { replayStore: null, replayStoreFailure: null, nonceSecret: null } },
      { publicUrl: ['https://a.example/svc1/', 'http://[::1]:8080'] },
    ]) {
      assert.ok(new MonoCloudBackendNodeClient({ ...GOOD, ...options }), JSON.stringify(options));
    }
  });

  test('may come from the environment', (t) => {
    environment(t, {
      VALIDATE_DPOP_BINDING: ' required\r',
      PUBLIC_URL: ' https://a.example  https://b.example/svc1\n',
      DPOP_ALGORITHMS: 'ES256 RS512',
      DPOP_MAX_AGE: '600',
      DPOP_LEEWAY: '0',
      DPOP_NONCE: 'required',
      DPOP_NONCE_SECRET: `${'00'.repeat(32)}\r`,
      DPOP_NONCE_ROTATION: '10',
      DPOP_REPLAY_CACHE_SIZE: '1024',
    });
    assert.ok(new MonoCloudBackendNodeClient(GOOD));
  });

  test('in code wins over a bad one in the environment', (t) => {
    environment(t, { DPOP_MAX_AGE: '0', DPOP_NONCE_SECRET: CANARY, PUBLIC_URL: CANARY });
    const dpop = { maxAge: 60, nonceSecret: '00'.repeat(32) };
    assert.ok(new MonoCloudBackendNodeClient({ ...GOOD, publicUrl: 'https://a.example', dpop }));
  });
});

describe('the secret of the nonces', () => {
  test('is neither in messages nor in what the client shows', () => {
    const nonceSecret = CANARY.replaceAll('-', '_').repeat(4);
    const client = new MonoCloudBackendNodeClient({ ...GOOD, dpop: { nonceSecret } });
    const shown = [inspect(client, { depth: 20, showHidden: true, getters: true }), JSON.stringify(client)];
    assert.ok(!shown.concat(JSON.stringify(client.health())).some((text) => text?.includes('canary')));
    for (const dpop of [
      { nonceSecret: CANARY },
      { nonceSecret, maxAge: 0 },
      { nonceSecret, nonce: 'x' },
      { nonceSecret, x: 1 },
    ]) {
      assert.throws(
        () => new MonoCloudBackendNodeClient({ ...GOOD, dpop }),
        (error) => error.reason === 'option_invalid' && !inspect(error, { depth: 20 }).includes('canary'),
      );
    }
  });
});
