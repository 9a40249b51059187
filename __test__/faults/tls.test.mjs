// Which reason does each fault of TLS and DNS have, and is there an insecure fallback?

import assert from 'node:assert/strict';
import net from 'node:net';
import { before, describe, test } from 'node:test';

import { ANY_CLIENT } from '../support/backend.mjs';
import { close, open } from '../support/http.mjs';
import { createPki } from '../support/pki.mjs';
import { alone, startIssuerBehindProxy } from './issuers.mjs';
import { DISCOVERY } from './proxy.mjs';
import { rejection, within } from './waiting.mjs';

/** Faults of a connection are detected within a second. A busy machine needs more, but never the deadline. */
const DEADLINE_MS = 60_000;
const PATIENCE_MS = 20_000;

let pki;
let good;
before(async () => {
  pki = await createPki();
  good = await pki.server();
});

const trusting = (server, options) =>
  alone(server, { certificateAuthorities: pki.ca.pem, responseTimeout: DEADLINE_MS, ...ANY_CLIENT, ...options });

async function fails(promise, reason) {
  const error = await rejection(within(PATIENCE_MS, promise));
  assert.deepEqual([error.name, error.reason, error.status], ['MonoCloudHttpError', reason, undefined]);
}

describe('a certificate that goes bad while the API runs', () => {
  for (const [what, issue, reason] of [
    ['has expired', () => pki.server({ expired: true }), 'tls_certificate_expired'],
    ['is for another host', () => pki.server({ hosts: ['elsewhere.example'] }), 'tls_wrong_host'],
    ['is of an unknown authority', () => pki.otherCa.server(), 'tls_unknown_authority'],
  ]) {
    test(`because it ${what} is ${reason}, with no request made, and known keys stay good`, async () => {
      const server = await startIssuerBehindProxy({ tls: good });
      try {
        const client = trusting(server);
        const opaque = server.opaque();
        assert.ok(await client.validateAccessToken(server.sign()));
        assert.ok(await client.validateAccessToken(opaque));
        await server.proxy.down();
        server.proxy.present(await issue());
        await server.proxy.up();
        const before = { ...server.proxy.counts };
        await fails(client.getJwks(true), reason);
        await fails(client.getMetadata(true), reason);
        await fails(client.validateAccessToken(opaque), reason);
        assert.ok(await client.validateAccessToken(server.sign()));
        assert.deepEqual(server.proxy.counts, before);
        server.proxy.present(good);
        assert.ok(await client.getJwks(true));
        assert.ok(await client.validateAccessToken(opaque));
      } finally {
        await server.close();
      }
    });
  }
});

describe('an issuer', () => {
  test('that speaks plain HTTP where https was configured is tls_failed, and is not spoken to in plain HTTP', async () => {
    const server = await startIssuerBehindProxy();
    try {
      const client = trusting({ issuer: server.issuer.replace('http:', 'https:') });
      await fails(client.warmUp(), 'tls_failed');
      assert.equal(server.proxy.count(DISCOVERY), 0);
    } finally {
      await server.close();
    }
  });

  test('that hangs in the handshake is timed_out, by half of the deadline', async () => {
    const sockets = new Set();
    const silent = net.createServer((socket) => sockets.add(socket.on('error', () => {})));
    await open(silent, { port: 0, host: 'localhost' });
    try {
      await fails(
        trusting(
          { issuer: `https://localhost:${silent.address().port}` },
          { responseTimeout: 1.5 * PATIENCE_MS },
        ).warmUp(),
        'timed_out',
      );
    } finally {
      silent.closeAllConnections = () => sockets.forEach((socket) => socket.destroy());
      await close(silent);
    }
  });

  test('that resets every connection in the handshake is connection_failed', async () => {
    const cutting = net.createServer((socket) =>
      socket.on('error', () => {}).once('data', () => socket.resetAndDestroy()),
    );
    await open(cutting, { port: 0, host: 'localhost' });
    try {
      await fails(trusting({ issuer: `https://localhost:${cutting.address().port}` }).warmUp(), 'connection_failed');
    } finally {
      cutting.closeAllConnections = () => {};
      await close(cutting);
    }
  });

  test('at which nothing listens is connection_refused', async () => {
    const server = await startIssuerBehindProxy({ tls: good });
    await server.close();
    await fails(trusting(server).warmUp(), 'connection_refused');
  });

  test('whose name does not exist is host_not_found', async () => {
    // RFC 6761 §6.4: `invalid` never resolves. An unreachable resolver takes until the connection's deadline.
    const error = await rejection(within(PATIENCE_MS, trusting({ issuer: 'https://issuer.invalid' }).warmUp()));
    assert.equal(error.name, 'MonoCloudHttpError');
    assert.equal(error.reason, 'host_not_found');
  });
});
