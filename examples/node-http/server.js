// Without a framework: node:http, the client, and the response for each error (RFC 6750 section 3).

import { createServer } from 'node:http';
import { MonoCloudBackendNodeClient, MonoCloudHttpError, MonoCloudTokenError } from '@monocloud/backend-node';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const client = new MonoCloudBackendNodeClient();

const ROUTES = {
  'GET /api/me': { handle: (claims) => ({ subject: claims.sub }) },
  'GET /api/report': { needs: { scopes: ['report:read'] }, handle: () => ({ report: 'all is well' }) },
};

const server = createServer(async (request, response) => {
  const route = ROUTES[`${request.method} ${request.url.split('?')[0]}`];
  if (!route) return answer(response, 404, { message: 'not found' });
  const token = bearerToken(request);
  if (!token) return answer(response, 401, { message: 'unauthorized' }, { 'WWW-Authenticate': 'Bearer' });
  try {
    const claims = await client.validateAccessToken(token, route.needs);
    return answer(response, 200, route.handle(claims));
  } catch (error) {
    return refuse(response, error, route.needs);
  }
});

/** RFC 6750 section 2.1: one header, one token. */
function bearerToken({ headers }) {
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(headers.authorization ?? '')?.[1];
}

function refuse(response, error, { scopes = [] } = {}) {
  if (error instanceof MonoCloudTokenError && error.code === 'insufficient_scope') {
    const challenge = `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"`;
    return answer(response, 403, { message: 'forbidden' }, { 'WWW-Authenticate': challenge });
  }
  if (error instanceof MonoCloudTokenError) {
    const challenge = `Bearer error="invalid_token", error_description="${error.message}"`;
    return answer(response, 401, { message: 'unauthorized' }, { 'WWW-Authenticate': challenge });
  }
  // The authorization server is unreachable. This does not depend on the token, so never send 401.
  if (error instanceof MonoCloudHttpError) {
    return answer(response, 503, { message: 'service unavailable' }, { 'Retry-After': '5' });
  }
  // A misconfigured API, or an error of the handler.
  console.error(error);
  return answer(response, 500, { message: 'internal server error' });
}

function answer(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

server.listen(process.env.PORT ?? 3000, () => console.log(`listening ${server.address().port}`));
