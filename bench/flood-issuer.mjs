// The issuer of flood-kinds.mjs, in its own process: valid opaque tokens are active, garbage is inactive or gets no
// response. Each response is delayed, as over a network.

import { createServer } from 'node:http';
import { AUDIENCE } from './support.mjs';

process.once('message', ({ keys, answerMilliseconds }) => {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.url === '/introspect') {
      introspect(request, response);
      return;
    }
    const isMetadata = request.url.startsWith('/.well-known/o');
    reply(
      response,
      isMetadata
        ? { issuer: url(), jwks_uri: `${url()}/keys`, introspection_endpoint: `${url()}/introspect` }
        : { keys },
    );
  });
  const url = () => `http://127.0.0.1:${server.address().port}`;

  async function introspect(request, response) {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (body.startsWith('token=hangs')) return;
    const isGood = body.startsWith('token=good');
    const answer = isGood ? { active: true, iss: url(), aud: AUDIENCE, sub: 'user' } : { active: false };
    setTimeout(() => reply(response, answer), answerMilliseconds);
  }

  server.listen(0, '127.0.0.1', () => process.send({ url: url() }));
  process.once('disconnect', () => {
    server.close();
    server.closeAllConnections();
  });
});

function reply(response, document) {
  const body = JSON.stringify(document);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
