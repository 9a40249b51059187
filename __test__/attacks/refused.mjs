// Is a hostile token rejected correctly?
//
// One assertion checks everything: class, code, the exact `reason`, the fixed message, that no part of the token can
// be logged, that the error does not grow with the token, and that the token causes no request. Each token is tested
// twice through every public method, so a first call cannot help a second one.

import assert from 'node:assert/strict';
import net from 'node:net';
import { inspect } from 'node:util';

import {
  MonoCloudAuthBaseError,
  MonoCloudBackendNodeClient,
  MonoCloudHttpError,
  MonoCloudOPError,
  MonoCloudTokenError,
  MonoCloudValidationError,
} from '../../npm/index.mjs';
import { close, open } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

export { AUDIENCE } from '../support/issuer.mjs';
export { base64url, compact, compactRaw, signature } from '../support/jws.mjs';

const CLASSES = { MonoCloudHttpError, MonoCloudOPError, MonoCloudTokenError, MonoCloudValidationError };

/** Longer than any message with its stack and `inspect` output, and much shorter than a token of 16 KiB. */
const MAX_PRINTED = 3000;
/** A shorter part of a token (`e30`) may occur in a stack by chance. */
const MIN_TELLING = 12;

/**
 * Asserts that `work` rejects with a complete error.
 * - `token`: neither it nor its parts may be printed; `secrets`: further texts that may not be printed.
 * - `reason`, and `name` and `code` where they differ from those of a token error.
 */
export async function assertRefused(work, { token, secrets = [], reason, name = 'MonoCloudTokenError', code }) {
  const error = await work().then(
    (claims) => assert.fail(`accepted, not refused as ${reason}: ${inspect(claims).slice(0, 300)}`),
    (thrown) => thrown,
  );
  assert.ok(error instanceof MonoCloudAuthBaseError, `not an error of ours: ${inspect(error)}`);
  assert.equal(error.reason, reason);
  assert.equal(error.name, name);
  assert.ok(error instanceof CLASSES[name] && error instanceof Error);
  assert.equal(error.code, code ?? (name === 'MonoCloudTokenError' ? 'invalid_token' : undefined));
  assert.match(error.message, /^[\x20-\x7e]{8,160}$/, 'a fixed sentence');
  assertSilent(error, [...partsOf(token), ...secrets]);
  return error;
}

/** Asserts that the printed forms of an error are short and contain none of `hidden`. */
export function assertSilent(error, hidden) {
  const printed = [error.message, String(error), error.stack, inspect(error, { depth: 9 }), JSON.stringify(error)];
  for (const text of printed) {
    assert.ok(text.length <= MAX_PRINTED, `an error of ${text.length} characters`);
    for (const secret of hidden) {
      assert.ok(!text.includes(secret), `the error shows ${secret.slice(0, 40)}`);
    }
  }
}

function partsOf(token) {
  if (typeof token !== 'string') return [];
  const parts = token.length > 100_000 ? [token] : [token, ...token.split('.')];
  return parts.filter((part) => part.trim().length >= MIN_TELLING);
}

/** Starts the attacked system: an issuer, and a client of it that has its keys. `options` are the client's. */
export async function startTarget(options = {}) {
  const issuer = await startIssuer();
  const { keys: own } = issuer.jwks;
  const client = new MonoCloudBackendNodeClient({ tenantDomain: issuer.issuer, audience: AUDIENCE, ...options });
  const target = {
    issuer,
    client,

    /** Another client of the same issuer. */
    clientWith: (others) =>
      new MonoCloudBackendNodeClient({ tenantDomain: issuer.issuer, audience: AUDIENCE, ...options, ...others }),

    /**
     * Publishes these keys before the issuer's own, replaces those of the last call, and makes the client fetch them.
     */
    async publish(...keys) {
      issuer.jwks = { keys: [...keys, ...own] };
      await client.getJwks(true);
    },

    /** Asserts that every method accepts the token; returns its claims. */
    async accepts(token, validation) {
      const claims = await client.validateAccessToken(token, validation);
      assert.deepEqual(await client.validateAccessToken(token, validation), claims);
      assert.deepEqual(await client.validateJwtAccessToken(token, { ...validation, jwks: issuer.jwks }), claims);
      return claims;
    },

    /**
     * Asserts that every method rejects the token.
     * - `asks`: the most requests to the issuer that it may cause in total. An unknown `kid` may cause one.
     */
    async refuses(token, reason, { asks = reason === 'key_not_found' ? 2 : 0, ...rest } = {}) {
      issuer.resetCounts();
      const expected = { token, reason, ...rest };
      await assertRefused(() => client.validateAccessToken(token), expected);
      await assertRefused(() => client.validateAccessToken(token), expected);
      await assertRefused(() => client.validateJwtAccessToken(token), expected);
      await assertRefused(() => client.validateJwtAccessToken(token, { jwks: issuer.jwks }), expected);
      assert.ok(issuer.requests.length <= asks, `${issuer.requests.length} requests for one refused token`);
      for (const request of issuer.requests) {
        assert.equal(
          `${request.method} ${request.path} ${request.body}`,
          'GET /jwks ',
          'the only request it may cause',
        );
      }
      // Afterwards the client still accepts a valid token.
      await client.validateAccessToken(issuer.sign());
    },

    close: () => issuer.close(),
  };
  await client.validateAccessToken(issuer.sign());
  return target;
}

/** A server that must never be called. It counts connections of any protocol. */
export async function startTrap() {
  const sockets = new Set();
  const trap = { connections: 0 };
  const server = net.createServer((socket) => {
    trap.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {}).destroy();
  });
  server.closeAllConnections = () => sockets.forEach((socket) => socket.destroy());
  await open(server, { port: 0, host: '127.0.0.1' });
  const { port } = server.address();
  return Object.assign(trap, { port, origin: `http://127.0.0.1:${port}`, close: () => close(server) });
}

/** A token of this header and payload, signed without any check. */
export function forge(target, header, claims = target.issuer.claims(), key = target.issuer.keys.rsa, alg = 'RS256') {
  return target.issuer.signRaw(JSON.stringify(header), JSON.stringify(claims), key, alg);
}
