// How does a test client authenticate at the authorization server?
//
// A second implementation, independent of the package's, so that both cannot share a mistake.

import { createPrivateKey, randomUUID } from 'node:crypto';

import { compact } from './jws.mjs';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Returns `{ headers, form, tls }` to send as `client`. `audience` is that of an assertion. `alg` selects the key of
 * a `private_key_jwt` client, or the HMAC.
 */
export function authenticate(client, { audience, alg }) {
  const { clientId, clientSecret, clientAuthMethod } = client.options;
  const tls = client.certificate && { cert: client.certificate.cert, key: client.certificate.key };
  switch (clientAuthMethod) {
    case 'client_secret_basic': {
      // RFC 6749 §2.3.1: each half is form-encoded before they are joined.
      const credentials = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
      return { headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } };
    }
    case 'client_secret_post':
      return { form: { client_id: clientId, client_secret: clientSecret } };
    case 'client_secret_jwt':
      return assertion(clientId, audience, { alg: alg ?? 'HS256' }, Buffer.from(clientSecret));
    case 'private_key_jwt': {
      const jwk = client.secrets[alg ?? 'RS256'];
      const key = createPrivateKey({ key: jwk, format: 'jwk' });
      return assertion(clientId, audience, { alg: jwk.alg, kid: jwk.kid }, key);
    }
    case 'tls_client_auth':
    case 'self_signed_tls_client_auth':
      return { form: { client_id: clientId }, tls };
    default:
      throw new TypeError(`no such client authentication method: ${clientAuthMethod}`);
  }
}

/** RFC 7523 §2.2 and §3. */
function assertion(clientId, audience, header, key) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: clientId, sub: clientId, aud: audience, jti: randomUUID(), iat: now, exp: now + 60 };
  return {
    form: { client_assertion_type: ASSERTION_TYPE, client_assertion: compact({ typ: 'JWT', ...header }, claims, key) },
  };
}

const formEncode = (text) => new URLSearchParams({ '': text }).toString().slice(1);
