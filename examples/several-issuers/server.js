// An API for several tenants: each has its own authorization server and its own host.

import express from 'express';
import { MonoCloudBackendNodeClient, MonoCloudMultiIssuerClient } from '@monocloud/backend-node';
import { protectApi } from '@monocloud/backend-node/express';

const audience = process.env.MONOCLOUD_BACKEND_AUDIENCE;

// The issuer of each host. In a real application this is a table of your database.
const issuerOf = new Map(Object.entries(JSON.parse(process.env.TENANTS)));
const isTenant = (issuer) => [...issuerOf.values()].includes(issuer);

// Your own tenant, whose tokens every host accepts. It reads MONOCLOUD_BACKEND_*.
const own = new MonoCloudBackendNodeClient();
const ownIssuer = process.env.MONOCLOUD_BACKEND_TENANT_DOMAIN;

const client = new MonoCloudMultiIssuerClient({
  clients: [own],
  // Anyone can choose the issuer in a token: look it up, and never build a URL from it.
  resolve: (issuer) => (isTenant(issuer) ? { tenantDomain: issuer, audience } : null),
});

const protect = protectApi(client, {
  // A tenant's token is accepted on the tenant's own host only. An unknown host accepts none but yours.
  issuers: (request) => [ownIssuer, issuerOf.get(request.hostname)].filter(Boolean),
});

const app = express();

app.get('/api/me', protect(), (request, response) => {
  const { iss, sub } = request.claims;
  // `sub` is unique per issuer only.
  response.json({ user: JSON.stringify([iss, sub]) });
});

app.get('/ready', (request, response) => {
  const { issuers } = client.health();
  response.json({ ready: Object.fromEntries(Object.keys(issuers).map((name) => [name, issuers[name].ready])) });
});

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`listening ${server.address().port}`));
