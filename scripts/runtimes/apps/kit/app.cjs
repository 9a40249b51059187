// A small API whose client is created when the module is imported, from the environment. The subject of suite.cjs.

const express = require('express');
const { protectApi } = require('@monocloud/backend-node/express');

const protect = protectApi();
const app = express();
app.get('/me', protect(), (request, response) => response.json({ sub: request.claims.sub }));
app.get('/data', protect({ scopes: ['data:read'] }), (request, response) => response.json({ data: 1 }));

module.exports = { app };
