// How is the real oidc-provider configured?
//
// Version 9.13: client credentials, introspection, revocation, mutual TLS and DPoP, with JWT or opaque access tokens by
// resource indicator (RFC 8707). The configuration is complete, so that any warning means a problem.

import { randomBytes } from 'node:crypto';

import { jwkOf, keySet, kindOf, ALGORITHMS } from './keys.mjs';

const SCOPES = ['data:read', 'data:write'];
const TOKEN_TTL_SECONDS = 3600;

// An audience, its default format, and how the query changes it: `?format=opaque`, `?alg=ES256`.
const RESOURCES = {
  'https://api.example.com': 'jwt',
  'https://other.example.com': 'jwt',
  'https://opaque.example.com': 'opaque',
};

/** The private keys of a server by algorithm, as JWKs: to forge tokens, or to sign in its name. */
export async function serverKeys(name = 'server') {
  const pairs = await keySet(`authorization-${name}`);
  return Object.fromEntries(
    ALGORITHMS.map((alg) => [alg, jwkOf(pairs[kindOf(alg)].privateKey, { alg, kid: `${name}-${alg.toLowerCase()}` })]),
  );
}

/** A Provider for `issuer`; `discovery` is added to its metadata, and `tokenClaims` to its tokens. */
export async function createProvider({
  issuer,
  clients,
  keys,
  discovery,
  tokenTtlSeconds = TOKEN_TTL_SECONDS,
  dpopNonces = false,
  tokenClaims,
}) {
  const { Provider, errors } = await importProvider();
  const byId = new Map(Object.values(clients).map((client) => [client.clientId, client]));

  const provider = new Provider(issuer, {
    adapter: memoryAdapter(),
    clients: Object.values(clients).map(({ metadata }) => metadata),
    jwks: { keys: Object.values(keys) },
    discovery,
    scopes: SCOPES,
    ttl: { ClientCredentials: tokenTtlSeconds },
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'tls_client_auth',
      'self_signed_tls_client_auth',
    ],
    enabledJWA: {
      clientAuthSigningAlgValues: ['HS256', 'HS384', 'HS512', ...ALGORITHMS],
      idTokenSigningAlgValues: ALGORITHMS,
    },
    extraTokenClaims: (_ctx, { clientId }) => {
      const { groups } = byId.get(clientId);
      return { ...tokenClaims, ...(groups && { groups }) };
    },
    formats: {
      customizers: {
        jwt: (_ctx, { clientId }, { payload }) => {
          const { backdateSeconds } = byId.get(clientId);
          payload.iat -= backdateSeconds;
          payload.exp -= backdateSeconds;
        },
      },
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      // RFC 9449: tokens are bound to the key of the proof in the token request. `dpopNonces` asks for one in each (§8).
      dPoP: { enabled: true, ...(dpopNonces && { nonceSecret: randomBytes(32), requireNonce: () => true }) },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: peerCertificate,
        certificateAuthorized: (ctx) => ctx.req.socket.authorized === true,
        certificateSubjectMatches,
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, indicator) => resourceServer(indicator, tokenTtlSeconds, errors),
      },
    },
  });
  // An error inside the provider is a fault of the setup, so it is printed.
  provider.on('server_error', (_ctx, error) => console.error('oidc-provider:', error));
  return provider;
}

function resourceServer(indicator, accessTokenTTL, errors) {
  const { origin, searchParams } = new URL(indicator);
  const usual = RESOURCES[origin];
  if (!usual) {
    throw new errors.InvalidTarget();
  }
  return {
    audience: origin,
    scope: SCOPES.join(' '),
    accessTokenTTL,
    accessTokenFormat: searchParams.get('format') ?? usual,
    jwt: { sign: { alg: searchParams.get('alg') ?? 'RS256' } },
  };
}

const peerCertificate = (ctx) => ctx.req.socket.getPeerX509Certificate?.();

/** RFC 8705 §2.1.2: the registered subject is compared with the certificate's. */
function certificateSubjectMatches(ctx, property, expected) {
  const { subject, subjectAltName = '' } = peerCertificate(ctx);
  switch (property) {
    case 'tls_client_auth_subject_dn':
      return subject === expected;
    case 'tls_client_auth_san_uri':
      return subjectAltName.split(', ').includes(`URI:${expected}`);
    default:
      throw new TypeError(`${property} is not used by the tests`);
  }
}

// The provider warns on a Node older than its authors test. The tests run there on purpose, so this warning is hidden
// and any other is printed.
export async function importProvider() {
  const { warn } = console;
  console.warn = (message, ...rest) => {
    if (!String(message).includes('Unsupported runtime')) {
      warn.call(console, message, ...rest);
    }
  };
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
  }
}

/** An in-memory adapter for one provider; each model has its own entries. */
export function memoryAdapter() {
  return () => {
    const entries = new Map();
    return {
      async upsert(id, payload, expiresIn) {
        entries.set(id, { payload, endMs: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
      },
      async find(id) {
        const entry = entries.get(id);
        return entry && entry.endMs > Date.now() ? entry.payload : undefined;
      },
      async consume(id) {
        entries.get(id).payload.consumed = Math.floor(Date.now() / 1000);
      },
      async destroy(id) {
        entries.delete(id);
      },
    };
  };
}
