// Is a hostile token refused, and refused well?
//
// One assertion for the whole of it: the class and its code, the exact
// `reason`, the fixed message, nothing of the token in anything that is logged,
// an error whose size does not grow with the token, and no request that the
// token could make the package send. It is asked in every way the public API
// offers, twice, so that nothing kept from the first time helps the second.

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

/** Longer than any message with its stack and `inspect` around it; much shorter than a token of 16 KiB. */
const MAX_PRINTED = 3000;
/** Shorter parts of a token (`e30`) may stand in a stack by chance. */
const MIN_TELLING = 12;

/**
 * Asserts that `work` rejects with one whole refusal.
 * - `token`: what may not be printed, nor its parts; `secrets`: what else may not.
 * - `reason`, and `name` and `code` where they are not those of a token error.
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

/** Asserts that nothing one would log of an error holds any of `hidden`, and that it is short. */
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

/**
 * An issuer and a client of it that has its keys: what is attacked. `options` are the client's.
 */
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

    /** Publishes these keys before the issuer's own, instead of those of the last time, and has the client fetch them. */
    async publish(...keys) {
      issuer.jwks = { keys: [...keys, ...own] };
      await client.getJwks(true);
    },

    /** The token is good, in every way it can be asked about; its claims. */
    async accepts(token, validation) {
      const claims = await client.validateAccessToken(token, validation);
      assert.deepEqual(await client.validateAccessToken(token, validation), claims);
      assert.deepEqual(await client.validateJwtAccessToken(token, { ...validation, jwks: issuer.jwks }), claims);
      return claims;
    },

    /**
     * The token is refused, in every way it can be asked about.
     * - `asks`: how many requests to the issuer it may cause in all; an unknown `kid` is worth one (contract 10).
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
        assert.equal(`${request.method} ${request.path} ${request.body}`, 'GET /jwks ', 'the only request it may cause');
      }
      // Whatever it was, it broke nothing.
      await client.validateAccessToken(issuer.sign());
    },

    close: () => issuer.close(),
  };
  await client.validateAccessToken(issuer.sign());
  return target;
}

/** A server that must never be called: it counts connections, whatever is spoken over them. */
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

/** A token whose header and payload are values, signed whatever they say. */
export function forge(target, header, claims = target.issuer.claims(), key = target.issuer.keys.rsa, alg = 'RS256') {
  return target.issuer.signRaw(JSON.stringify(header), JSON.stringify(claims), key, alg);
}
