// An Express app as a Lambda function behind API Gateway.

import express from 'express';
import serverless from 'serverless-http';
import { protectApi } from '@monocloud/backend-node/express';

// Outside the handler: the next invocations use the same client, with its signing keys.
const protect = protectApi();
const app = express();

app.get('/health', (request, response) => response.json({ status: 'ok' }));
app.get('/api/me', protect(), (request, response) => response.json({ subject: request.claims.sub }));
app.get('/api/report', protect({ scopes: ['report:read'] }), (request, response) =>
  response.json({ report: 'all is well' }),
);

export const handler = serverless(app);
