// Which clients are registered at the authorization server?
//
// One per client authentication method of RFC 6749 §2.3.1, RFC 7523 §2.2 and RFC 8705 §2, and some with special
// tokens. Each has `options` (a user's configuration of the package), `metadata` (RFC 7591, registered at the
// server), and the `groups` in its tokens.

import { createPublicKey, X509Certificate } from 'node:crypto';

import { ALGORITHMS, jwkOf, keySet, kindOf } from './keys.mjs';

const TLS_CLIENT_NAME = 'tls-client';
const TLS_CLIENT_URI = 'spiffe://example.com/api';

// RFC 6749 appendix A allows only printable ASCII, so no `é`. Each of these characters has another meaning unless it
// is form-encoded (RFC 6749 §2.3.1).
const AWKWARD_ID = 'basic:client 1+1=2 & 100%/~';
const AWKWARD_SECRET = 'p@ss:w%rd+ %2B &=?/~"\'()*!';

/** `{ name: client }`. Without a `pki`, the clients that need a certificate are left out. */
export async function createClients(pki) {
  return Object.fromEntries(
    [...secretClients(), await privateKeyJwtClient(), ...(pki ? await tlsClients(pki) : [])].map((client) => [
      client.name,
      client,
    ]),
  );
}

function secretClients() {
  return [
    client('basic', 'client_secret_basic', { clientId: AWKWARD_ID, clientSecret: AWKWARD_SECRET, groups: ['sales'] }),
    client('post', 'client_secret_post', { groups: ['engineering', 'support'] }),
    client('secretJwt', 'client_secret_jwt', { groups: [{ id: 'g-1', name: 'engineering' }] }),
    // Its JWTs are issued as if two hours ago: valid tokens of the server that have expired.
    client('late', 'client_secret_post', { backdateSeconds: 7200 }),
    // Its tokens are bound to the certificate of the token request (RFC 8705 §3).
    client('bound', 'client_secret_post', { metadata: { tls_client_certificate_bound_access_tokens: true } }),
  ];
}

/** One client with a key per algorithm; `secrets[alg]` is the private JWK. */
async function privateKeyJwtClient() {
  const pairs = await keySet('client');
  const jwk = (part, alg) => jwkOf(pairs[kindOf(alg)][part], { alg, kid: `client-${alg.toLowerCase()}` });
  const secrets = Object.fromEntries(ALGORITHMS.map((alg) => [alg, jwk('privateKey', alg)]));
  return {
    ...client('privateKeyJwt', 'private_key_jwt', {
      clientSecret: secrets.RS256,
      metadata: { jwks: { keys: ALGORITHMS.map((alg) => jwk('publicKey', alg)) } },
    }),
    secrets,
  };
}

async function tlsClients(pki) {
  const [byName, byUri, selfSigned] = await Promise.all([
    pki.client({ commonName: TLS_CLIENT_NAME }),
    pki.client({ commonName: 'named by its URI', uriSan: TLS_CLIENT_URI }),
    pki.client({ commonName: 'self-signed', selfSigned: true }),
  ]);
  return [
    client('tls', 'tls_client_auth', {
      certificate: byName,
      metadata: { tls_client_auth_subject_dn: `CN=${TLS_CLIENT_NAME}` },
    }),
    client('tlsUri', 'tls_client_auth', {
      certificate: byUri,
      metadata: { tls_client_auth_san_uri: TLS_CLIENT_URI },
    }),
    client('selfSigned', 'self_signed_tls_client_auth', {
      certificate: selfSigned,
      metadata: { jwks: { keys: [certificateJwk(selfSigned.cert)] } },
    }),
  ];
}

function client(name, method, { clientId = `client-${name}`, clientSecret, certificate, metadata = {}, ...rest }) {
  const usesSecret = method.startsWith('client_secret_');
  // HS256 needs a key of at least 256 bits (RFC 7518 §3.2).
  const secret = clientSecret ?? (usesSecret ? `${name}-secret-`.padEnd(48, '0123456789abcdef') : undefined);
  return {
    name,
    clientId,
    clientAuthMethod: method,
    certificate,
    groups: undefined,
    backdateSeconds: 0,
    ...rest,
    options: {
      clientId,
      clientAuthMethod: method,
      ...(secret === undefined ? {} : { clientSecret: secret }),
      ...(certificate ? { clientCertificate: certificate.cert, clientCertificateKey: certificate.key } : {}),
    },
    metadata: {
      client_id: clientId,
      ...(usesSecret ? { client_secret: secret } : {}),
      token_endpoint_auth_method: method,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: 'data:read data:write',
      ...metadata,
    },
  };
}

/** RFC 8705 §2.2.2: a self-signed certificate is registered as the `x5c` of a JWK. */
function certificateJwk(certificatePem) {
  const certificate = new X509Certificate(certificatePem);
  return jwkOf(createPublicKey(certificatePem), { kid: 'self-signed', x5c: [certificate.raw.toString('base64')] });
}
