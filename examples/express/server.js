// An API with Express: who you are, what a scope opens, what a group opens.

import express from 'express';
import { MonoCloudBackendNodeClient, protectApi } from '@monocloud/backend-node/express';

// Reads MONOCLOUD_BACKEND_* and throws here, at the start, when something is missing.
const client = new MonoCloudBackendNodeClient();
const protect = protectApi(client);
const posts = new Map();

const app = express();
app.use(express.json());

// For the load balancer: true as soon as tokens can be decided without asking anyone.
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

// The first request need not wait for the keys. A failure is no reason not to start: it is tried again.
client.warmUp().catch((error) => console.warn(`not warm yet: ${error.message}`));
const server = app.listen(process.env.PORT ?? 3000, () => console.log(`listening ${server.address().port}`));
