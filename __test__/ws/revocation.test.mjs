// Does `recheck` close a connection whose JWT was revoked by a cut-off?

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { protectApi } from '@monocloud/backend-node/node';
import { authenticateUpgrade, closeOnExpiry } from '@monocloud/backend-node/ws';

import { eventually } from '../support/eventually.mjs';
import { offline, signed } from '../support/offline.mjs';
import { bearer, upgradeOf } from '../support/websockets.mjs';

const NOW = 1_800_000_000;

test('recheck closes a connection whose JWT has a cut-off, and a store that fails closes none', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: NOW * 1000 });
  let answer;
  let calls = 0;
  const cutoff = () => {
    calls += 1;
    return answer;
  };
  const client = offline({ revocation: { store: { cutoff }, kinds: ['sub'] } });
  const token = signed({ sub: 'user-1', iat: NOW, exp: NOW + 1000 });
  const { request, socket } = upgradeOf(bearer(token));
  const auth = await authenticateUpgrade(protectApi(client)())(request, socket);
  assert.ok(auth, socket.sent());
  const closed = [];
  closeOnExpiry(auth, (...args) => closed.push(args), { recheck: 5 });
  const next = async () => {
    const before = calls;
    t.mock.timers.tick(5000);
    await eventually(() => calls > before);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  };
  await next();
  answer = NaN;
  await next();
  assert.deepEqual(closed, []);
  answer = NOW;
  await next();
  await eventually(() => closed.length > 0);
  assert.deepEqual(closed, [[4401, 'token rejected']]);
});
