// The validators under test: each is configured as its own documentation says, and all do the same task.
//
// Each checks the signature, the algorithm, the issuer, the audience, `exp` and `nbf` with one clock tolerance.
// `proveAnswers` proves this before any measurement.

import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { AUDIENCE, CLOCK_TOLERANCE, claimsFor, forge, makeKey, signToken } from './support.mjs';

export const OURS = '@monocloud/backend-node';
/** Two lower bounds: no validator can be faster. */
export const COSTS_NOTHING = 'a validator that costs nothing';
export const NODE_FLOOR = 'floor: crypto.verify, KeyObject';

/** Imports the package under its own name (a subpath like '/express'), or says why it cannot. */
export async function loadOurs(subpath = '') {
  try {
    return await import(`${OURS}${subpath}`);
  } catch (error) {
    return {
      missing: 'not built',
      why: `${OURS}${subpath}: ${error.code ?? error.name}: ${error.message.split('\n')[0]}`,
    };
  }
}

/** The raw aws-lc verification that the add-on exports for this bench, or undefined. */
export function loadBenchVerify() {
  try {
    return createRequire(import.meta.url)('../npm/native/load.js').benchVerify;
  } catch {
    return undefined;
  }
}

/** The client as in the README, with default options: it remembers verified tokens. */
export function ourClient(module, issuer, options = {}) {
  return new module.MonoCloudBackendNodeClient({
    tenantDomain: issuer.url,
    audience: AUDIENCE,
    clockTolerance: CLOCK_TOLERANCE,
    ...options,
  });
}

const ALL = ['RS256', 'PS256', 'ES256', 'EdDSA', 'ES384', 'ES512'];

// `algorithms`: the algorithms that the validator supports. `offThread`: its signature check uses another thread, so
// it is measured with many validations in flight, its best case.
const VALIDATORS = [
  {
    name: OURS,
    algorithms: ALL,
    offThreadFor: ['ES384', 'ES512'],
    async make({ issuer }) {
      const module = await loadOurs();
      if (module.missing) {
        return module;
      }
      const client = ourClient(module, issuer);
      return (token) => client.validateAccessToken(token);
    },
  },
  {
    name: 'fast-jwt',
    algorithms: ALL,
    make: (context) => makeFastJwt(context, false),
  },
  {
    name: 'fast-jwt, cache 1000',
    algorithms: ALL,
    make: (context) => makeFastJwt(context, 1000),
  },
  {
    name: 'aws-jwt-verify',
    algorithms: ['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA'],
    async make({ issuer }) {
      const { JwtVerifier } = await import('aws-jwt-verify');
      const verifier = JwtVerifier.create({
        issuer: issuer.url,
        audience: AUDIENCE,
        jwksUri: issuer.jwksUri,
        graceSeconds: CLOCK_TOLERANCE,
      });
      verifier.cacheJwks(issuer.jwks);
      return (token) => verifier.verify(token);
    },
  },
  {
    name: 'jose',
    algorithms: ALL,
    offThreadFor: ALL,
    async make({ issuer, key }) {
      const { createRemoteJWKSet, jwtVerify } = await import('jose');
      const keys = createRemoteJWKSet(new URL(issuer.jwksUri));
      const options = {
        issuer: issuer.url,
        audience: AUDIENCE,
        algorithms: [key.alg],
        clockTolerance: CLOCK_TOLERANCE,
        requiredClaims: ['exp'],
      };
      return async (token) => (await jwtVerify(token, keys, options)).payload;
    },
  },
  {
    name: '@node-rs/jsonwebtoken',
    algorithms: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
    async make({ issuer, key }) {
      const { verifySync } = (await import('@node-rs/jsonwebtoken')).default;
      const rules = {
        iss: [issuer.url],
        aud: [AUDIENCE],
        algorithms: [key.alg],
        leeway: CLOCK_TOLERANCE,
        validateNbf: true,
        requiredSpecClaims: ['exp', 'iss', 'aud'],
      };
      return (token) => verifySync(token, key.publicPem, rules);
    },
  },
  {
    name: 'jsonwebtoken + jwks-rsa',
    algorithms: ['RS256', 'PS256', 'ES256', 'ES384', 'ES512'],
    async make({ issuer, key }) {
      const { default: jsonwebtoken } = await import('jsonwebtoken');
      const { default: jwksRsa } = await import('jwks-rsa');
      const keys = jwksRsa({ jwksUri: issuer.jwksUri, cache: true });
      const verify = promisify(jsonwebtoken.verify);
      const options = {
        issuer: issuer.url,
        audience: AUDIENCE,
        algorithms: [key.alg],
        clockTolerance: CLOCK_TOLERANCE,
      };
      const getKey = (header, done) => {
        keys.getSigningKey(header.kid).then((found) => done(null, found.getPublicKey()), done);
      };
      return (token) => verify(token, getKey, options);
    },
  },
];

/**
 * The configured validators that support this key's algorithm: `{ name, validate, offThread }`, or
 * `{ name, missing }`.
 */
export async function validatorsFor(issuer, key, only = () => true) {
  const ready = [];
  for (const { name, algorithms, offThreadFor = [], make } of VALIDATORS) {
    if (algorithms.includes(key.alg) && only(name)) {
      const made = await make({ issuer, key });
      ready.push(
        made.missing ? { name, ...made } : { name, validate: made, offThread: offThreadFor.includes(key.alg) },
      );
    }
  }
  return ready;
}

/** Throws unless the validator accepts a valid token and rejects each kind of invalid one. */
export async function proveAnswers({ name, validate }, issuer, key) {
  const claims = claimsFor(issuer.url);
  const good = signToken(key, claims);
  const accepted = await validate(good);
  if (accepted.sub !== claims.sub || accepted.jti !== claims.jti) {
    throw new Error(`${name} gave other claims than the token's`);
  }
  const past = claims.iat - 2 * CLOCK_TOLERANCE;
  const other = makeKey(key.alg, key.kid);
  const bad = {
    'a changed signature': forge(good),
    'changed claims': [
      good.split('.')[0],
      signToken(key, { ...claims, sub: 'x' }).split('.')[1],
      good.split('.')[2],
    ].join('.'),
    'another key': signToken({ ...other, kid: key.kid }, claims),
    'another issuer': signToken(key, { ...claims, iss: 'https://other.example.com' }),
    'another audience': signToken(key, { ...claims, aud: 'https://other.example.com' }),
    'an expired token': signToken(key, { ...claims, exp: past }),
    'a token not yet valid': signToken(key, { ...claims, nbf: claims.iat + 2 * CLOCK_TOLERANCE }),
  };
  for (const [what, token] of Object.entries(bad)) {
    const refused = await Promise.resolve()
      .then(() => validate(token))
      .then(
        () => false,
        () => true,
      );
    if (!refused) {
      throw new Error(`${name} accepted ${what}`);
    }
  }
}

async function makeFastJwt({ issuer, key }, cache) {
  const { createVerifier } = await import('fast-jwt');
  return createVerifier({
    key: key.publicPem,
    algorithms: [key.alg],
    allowedIss: issuer.url,
    allowedAud: AUDIENCE,
    clockTolerance: CLOCK_TOLERANCE * 1000,
    requiredClaims: ['exp'],
    cache,
  });
}
