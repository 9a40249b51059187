// Does a valid token notice that the issuer fails after it worked?
//
// The real oidc-provider behind the fault proxy. A day of outage is tested in virtual time: tests/faults/outage.rs.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, afterEach, before, test } from 'node:test';

import { unsupported } from '../support/authorization-server.mjs';
import { FAULTS, drip, dripHead, hang } from './bodies.mjs';
import { alone, startProviderBehindProxy } from './issuers.mjs';
import { DISCOVERY, OAUTH_DISCOVERY } from './proxy.mjs';
import { eventually, rejection, within } from './waiting.mjs';
import { describeWhere } from '../support/suite.mjs';

const ENDLESS = {
  'nothing at all': hang(),
  'one octet per second': drip(),
  'one octet per second of its head': dripHead(),
};

describeWhere(unsupported, 'an issuer that fails after it was there', () => {
  let server;
  let tokens;
  before(async () => {
    server = await startProviderBehindProxy();
    tokens = await Promise.all(Array.from({ length: 20 }, () => server.obtainToken()));
  });
  afterEach(async () => {
    server.proxy.heal();
    await server.proxy.down();
    await server.proxy.up();
  });
  after(() => server.close());

  async function warm(options) {
    const client = alone(server, options);
    await client.warmUp();
    return client;
  }

  /** Half of the tokens are new, half are seen for the second time. */
  async function acceptsAll(client) {
    for (const token of tokens) assert.equal((await client.validateAccessToken(token)).scope, 'data:read');
  }

  for (const [what, [fault, reason]] of Object.entries(FAULTS)) {
    test(`with ${what} is ${reason} for who asks for its keys, and the old ones stay`, async () => {
      const client = await warm();
      server.proxy.fault('/jwks', fault);
      server.proxy.fault(DISCOVERY, fault);
      server.proxy.fault(OAUTH_DISCOVERY, fault);
      assert.equal((await rejection(within(20_000, client.getJwks(true)))).reason, reason);
      assert.equal((await rejection(within(20_000, client.getMetadata(true)))).reason, reason);
      await acceptsAll(client);
      const { ready, keys, metadata } = client.health();
      assert.deepEqual([ready, keys.lastError, metadata.lastError], [true, reason, reason]);
      assert.equal(server.proxy.count('/elsewhere'), 0);
    });
  }

  for (const [what, fault] of Object.entries(ENDLESS)) {
    test(`with ${what} delays no call past the deadline, and known keys not at all`, async () => {
      const client = await warm({ responseTimeout: 1000 });
      server.proxy.fault('/jwks', fault);
      let isOver = false;
      const pending = rejection(within(20_000, client.getJwks(true))).finally(() => {
        isOver = true;
      });
      await acceptsAll(client);
      assert.equal(isOver, false, 'the keys were still being waited for');
      assert.equal((await pending).reason, 'timed_out');
      await acceptsAll(client);
    });
  }

  test('by refusing connections refuses no valid token, while it is asked and the failures are told', async () => {
    const client = await warm({ jwksCacheDuration: 1 });
    await server.proxy.down();
    const failures = [];
    const listener = (message) => failures.push(message);
    subscribe('monocloud:backend:keys.refresh_failed', listener);
    try {
      await eventually(async () => {
        await acceptsAll(client);
        return failures.length >= 2;
      });
    } finally {
      unsubscribe('monocloud:backend:keys.refresh_failed', listener);
    }
    assert.ok(failures.every(({ reason, issuer }) => reason === 'connection_refused' && issuer === server.issuer));
    assert.ok(client.health().keys.age > 1, 'the keys are past their age');
  });

  test('past jwksMaxStale is an outage, and no verdict on the token', async () => {
    const client = await warm({ jwksCacheDuration: 0, jwksMaxStale: 0, metadataCacheDuration: 0 });
    await server.proxy.down();
    const error = await eventually(() =>
      client.validateAccessToken(tokens[0]).then(
        () => false,
        (reason) => reason,
      ),
    );
    assert.deepEqual([error.name, error.reason], ['MonoCloudHttpError', 'connection_refused']);
    assert.equal(client.health().ready, false);
    await server.proxy.up();
    assert.ok(await eventually(() => client.validateAccessToken(tokens[0]).catch(() => false)));
  });

  test('is not asked again by every call that it fails', async () => {
    const client = await warm();
    await server.proxy.down();
    await rejection(client.getJwks(true));
    await server.proxy.up();
    const before = server.proxy.count('/jwks');
    for (let round = 0; round < 20; round += 1) await acceptsAll(client);
    assert.ok(server.proxy.count('/jwks') - before <= 1, 'only the retry that was due');
  });
});
