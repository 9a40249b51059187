// An API whose decisions Prometheus counts and pino logs.

import { MonoCloudBackendNodeClient, protectApi } from '@monocloud/backend-node/express';
import { log, prometheus } from '@monocloud/backend-node/observability';
import express from 'express';
import pino from 'pino';
import { Registry } from 'prom-client';

const client = new MonoCloudBackendNodeClient();
const protect = protectApi(client);
const register = new Registry();
prometheus(register, { clients: [client] });
log(pino());

const app = express();
app.get('/api/me', protect(), (request, response) => response.json({ sub: request.claims.sub }));
// Serve this path to your monitoring only.
app.get('/metrics', async (_request, response) => {
  response.type(register.contentType).send(await register.metrics());
});

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`listening ${server.address().port}`));
