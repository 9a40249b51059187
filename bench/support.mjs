// What is validated: the issuer, its keys and its tokens. Nothing here is measured.
//
// The issuer runs in a child process (issuer.mjs), so that its work is never counted for the measured thread. It
// binds 127.0.0.1, port 0.

import { fork } from 'node:child_process';
import { constants, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

export const AUDIENCE = 'https://api.example.com';
export const CLIENT_ID = 'bench-client';
export const CLIENT_SECRET = 'bench-secret';

/** Seconds. Every validator gets the package's default. */
export const CLOCK_TOLERANCE = 300;

/** Whether this run is a smoke run of a few seconds, whose numbers mean nothing. */
export const quick = process.argv.includes('--quick');

/** The value of `--name value`, or the fallback. */
export function argument(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : process.argv[at + 1];
}

/** Starts the issuer with these keys. It ends with `stop()` or with this process. */
export async function startIssuer(keys) {
  const child = fork(new URL('./issuer.mjs', import.meta.url), { stdio: 'inherit' });
  child.send({ keys: keys.map((key) => key.publicJwk) });
  const [{ url }] = await once(child, 'message');
  return {
    url,
    jwks: { keys: keys.map((key) => key.publicJwk) },
    jwksUri: `${url}/.well-known/jwks.json`,
    introspectionEndpoint: `${url}/introspect`,
    stop: () => child.disconnect(),
  };
}

// How Node signs with each algorithm. ES* need the fixed-width form of RFC 7518 §3.4.
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
const FIXED = { dsaEncoding: 'ieee-p1363' };
const ALGORITHMS = {
  RS256: { type: 'rsa', make: { modulusLength: 2048 }, hash: 'sha256', how: {} },
  RS256_4096: { alg: 'RS256', type: 'rsa', make: { modulusLength: 4096 }, hash: 'sha256', how: {} },
  PS256: { type: 'rsa', make: { modulusLength: 2048 }, hash: 'sha256', how: PSS },
  ES256: { type: 'ec', make: { namedCurve: 'P-256' }, hash: 'sha256', how: FIXED },
  ES384: { type: 'ec', make: { namedCurve: 'P-384' }, hash: 'sha384', how: FIXED },
  ES512: { type: 'ec', make: { namedCurve: 'P-521' }, hash: 'sha512', how: FIXED },
  EdDSA: { type: 'ed25519', make: {}, hash: null, how: {} },
};

/** A key pair in every form that some validator needs. `kind` is an algorithm, or RS256_4096. */
export function makeKey(kind, kid = `${kind}-1`) {
  const { type, make, hash, how, alg = kind } = ALGORITHMS[kind];
  const { publicKey, privateKey } = generateKeyPairSync(type, make);
  return {
    alg,
    kid,
    hash,
    how,
    publicKey,
    publicJwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }),
    privatePem: privateKey.export({ format: 'pem', type: 'pkcs8' }),
  };
}

/** Claims like those of MonoCloud: an RS256 token with them has about 900 bytes. */
export function claimsFor(issuerUrl) {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: issuerUrl,
    sub: 'auth|65f2a7c84e1b9d0012ab34cd',
    aud: [AUDIENCE],
    client_id: 'v1StGXR8_Z5jdHi6B-myT',
    scope: 'openid profile orders:read orders:write',
    groups: [
      { id: 'f3b0c442', name: 'administrators' },
      { id: '98fc1c14', name: 'editors' },
    ],
    iat: now,
    nbf: now,
    exp: now + 86_400,
    jti: randomUUID(),
  };
}

/** One signed token. */
export function signToken(key, claims, header = {}) {
  const input = `${encode({ alg: key.alg, typ: 'at+jwt', kid: key.kid, ...header })}.${encode(claims)}`;
  const signature = sign(key.hash, Buffer.from(input), { key: key.privateKey ?? key.privatePem, ...key.how });
  return `${input}.${signature.toString('base64url')}`;
}

/** The same token with one bit of its signature changed. */
export function forge(token) {
  const [header, payload, signature] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes[bytes.length >> 1] ^= 1;
  return `${header}.${payload}.${bytes.toString('base64url')}`;
}

/** The signed bytes and the signature, for the lower bounds. */
export function signedParts(token) {
  const dot = token.lastIndexOf('.');
  return {
    input: Buffer.from(token.slice(0, dot)),
    signature: Buffer.from(token.slice(dot + 1), 'base64url'),
  };
}

/** `count` distinct tokens, signed in worker threads, all at once in memory. */
export async function tokenPool(key, issuerUrl, count) {
  const pool = [];
  for await (const chunk of tokenStream(key, issuerUrl, count)) {
    pool.push(...chunk.toString('latin1').trimEnd().split('\n'));
  }
  return pool;
}

/**
 * `count` distinct tokens as they are signed: buffers of tokens that end with a newline. A worker signs only one
 * batch ahead, so that ten million tokens never fill the memory.
 */
export async function* tokenStream(key, issuerUrl, count, workers = Math.max(1, availableParallelism())) {
  const { alg, kid, hash, how, privatePem } = key;
  const batch = Math.max(1, Math.min(2_000, Math.ceil(count / workers)));
  const share = Math.ceil(count / workers);
  const running = [];
  for (let from = 0; from < count; from += share) {
    running.push(
      new Worker(new URL('./sign-worker.mjs', import.meta.url), {
        workerData: {
          key: { alg, kid, hash, how, privatePem },
          claims: claimsFor(issuerUrl),
          count: Math.min(share, count - from),
          batch,
        },
      }),
    );
  }
  try {
    const next = (worker) => {
      worker.postMessage('more');
      return once(worker, 'message').then(([bytes]) => ({ worker, bytes }));
    };
    const pending = new Map(running.map((worker) => [worker, next(worker)]));
    while (pending.size > 0) {
      const { worker, bytes } = await Promise.race(pending.values());
      if (bytes === null) {
        pending.delete(worker);
        continue;
      }
      pending.set(worker, next(worker));
      yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
  } finally {
    await Promise.all(running.map((worker) => worker.terminate()));
  }
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
