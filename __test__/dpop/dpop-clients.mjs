// How do real clients get a bound token and use it? With the packages `dpop` and `oauth4webapi`.
//
// Both retry once when a server asks for a nonce (RFC 9449 §8). `retries` counts this.

import { webcrypto } from 'node:crypto';

import * as dpop from 'dpop';
import * as oauth from 'oauth4webapi';

import { get, post } from '../support/http.mjs';

// Both use the global, which Node 18 does not have.
globalThis.crypto ??= webcrypto;

const RESOURCE = 'https://api.example.com';
const insecure = { [oauth.allowInsecureRequests]: true };

/** Clients of `server` (startAuthorizationServer, without TLS), each with a key of its own. */
export const CLIENTS = { dpop: dpopClient, oauth4webapi: oauthClient };

/** `{ retries, token(format), call(token, url) }`; `call` returns `{ status, body }`. */
async function dpopClient(server, { alg = 'ES256' } = {}) {
  const keys = await dpop.generateKeyPair(alg);
  const { client_id: id, client_secret: secret } = server.clients.post.metadata;
  const nonces = new Map();
  const retries = [];

  /** Sends a request, and once more if the server gives another nonce. */
  async function send(url, method, token, request) {
    const { origin } = new URL(url);
    for (let attempt = 0; ; attempt += 1) {
      const given = nonces.get(origin);
      const answer = await request(await dpop.generateProof(keys, url, method, given, token));
      const nonce = answer.headers['dpop-nonce'];
      if (nonce !== undefined) nonces.set(origin, nonce);
      const isAsking = [400, 401].includes(answer.status) && nonce !== undefined && nonce !== given;
      if (!isAsking || attempt === 5) {
        retries.push(attempt);
        return answer;
      }
    }
  }

  return {
    retries,
    async token(format) {
      const form = { grant_type: 'client_credentials', resource: `${RESOURCE}?format=${format}`, scope: 'data:read' };
      const url = `${server.issuer}/token`;
      const { body } = await send(url, 'POST', undefined, (proof) =>
        post(url, { ...form, client_id: id, client_secret: secret }, { headers: { dpop: proof } }),
      );
      return body;
    },
    call: (token, url) =>
      send(url, 'GET', token, (proof) => get(url, { headers: { authorization: `DPoP ${token}`, dpop: proof } })),
  };
}

async function oauthClient(server, { alg = 'ES256' } = {}) {
  const issuer = new URL(server.issuer);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  const { client_id: id, client_secret: secret } = server.clients.post.metadata;
  const client = { client_id: id };
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair(alg));
  const options = { DPoP, ...insecure };
  const retries = [];

  async function retrying(send) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await send();
      } catch (error) {
        if (!oauth.isDPoPNonceError(error) || attempt === 5) throw error;
        retries[retries.length - 1] += 1;
      }
    }
  }

  return {
    retries,
    async token(format) {
      const parameters = new URLSearchParams({ resource: `${RESOURCE}?format=${format}`, scope: 'data:read' });
      retries.push(0);
      return retrying(async () => {
        const method = oauth.ClientSecretPost(secret);
        const response = await oauth.clientCredentialsGrantRequest(as, client, method, parameters, options);
        return oauth.processClientCredentialsResponse(as, client, response);
      });
    },
    async call(token, url) {
      retries.push(0);
      try {
        const response = await retrying(() =>
          oauth.protectedResourceRequest(token, 'GET', new URL(url), undefined, undefined, options),
        );
        return { status: response.status, body: await response.json() };
      } catch (error) {
        if (error instanceof oauth.WWWAuthenticateChallengeError) return { status: error.status };
        throw error;
      }
    },
  };
}
