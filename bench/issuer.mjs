// The local issuer, which support.mjs starts as a child process: metadata, keys, introspection.

import { createServer } from 'node:http';
import { AUDIENCE } from './support.mjs';

process.once('message', ({ keys }) => {
  let documents = {};
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.method === 'POST' && request.url === '/introspect') {
      introspect(request, response);
      return;
    }
    const document = documents[request.url];
    reply(response, document ? 200 : 404, document ?? '{}');
  });

  server.listen(0, '127.0.0.1', () => {
    const url = `http://127.0.0.1:${server.address().port}`;
    const metadata = JSON.stringify({
      issuer: url,
      jwks_uri: `${url}/.well-known/jwks.json`,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      introspection_endpoint: `${url}/introspect`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: keys.map((key) => key.alg),
    });
    documents = {
      '/.well-known/openid-configuration': metadata,
      '/.well-known/oauth-authorization-server': metadata,
      '/.well-known/jwks.json': JSON.stringify({ keys }),
    };
    process.send({ url });

    // One prepared body, so that the endpoint does not become the bottleneck.
    const now = Math.floor(Date.now() / 1000);
    const active = JSON.stringify({
      active: true,
      iss: url,
      sub: 'auth|65f2a7c84e1b9d0012ab34cd',
      aud: AUDIENCE,
      client_id: 'v1StGXR8_Z5jdHi6B-myT',
      scope: 'openid profile orders:read orders:write',
      token_type: 'Bearer',
      iat: now,
      exp: now + 86_400,
    });
    documents.active = active;
  });

  // Reads the whole body, as a real endpoint would, but the response does not depend on it.
  function introspect(request, response) {
    request.resume();
    request.once('end', () => reply(response, 200, documents.active));
  }

  process.once('disconnect', () => {
    server.close();
    server.closeAllConnections();
  });
});

function reply(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
