// An API with Express: one route for any valid token, one for a scope, one for a group.

import express from 'express';
import { MonoCloudBackendNodeClient, protectApi } from '@monocloud/backend-node/express';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, if something is missing.
const client = new MonoCloudBackendNodeClient();
const protect = protectApi(client);
const posts = new Map();

const app = express();
app.use(express.json());

// For the load balancer: true as soon as JWTs can be validated without a request.
app.get('/ready', (request, response) => {
  response.status(client.health().ready ? 200 : 503).json({ ready: client.health().ready });
});

app.get('/api/me', protect(), (request, response) => {
  response.json({ subject: request.claims.sub });
});

app.post('/api/posts', protect({ scopes: ['posts:write'] }), (request, response) => {
  const id = String(posts.size + 1);
  posts.set(id, { id, author: request.claims.sub, text: String(request.body?.text ?? '') });
  response.status(201).json(posts.get(id));
});

app.delete('/api/posts/:id', protect({ groups: ['admin'] }), (request, response) => {
  response.status(posts.delete(request.params.id) ? 204 : 404).end();
});

// Fetches the keys before the first request. If this fails, the API starts anyway and tries again later.
client.warmUp().catch((error) => console.warn(`not warm yet: ${error.message}`));
const server = app.listen(process.env.PORT ?? 3000, () => console.log(`listening ${server.address().port}`));
