// An API behind nginx, which terminates TLS and forwards the caller's certificate. Tokens that are bound to a
// certificate (RFC 8705) are accepted only from its holder.
//
// The header is trustworthy only because nginx overwrites it, and nobody else can reach this port.

import express from 'express';
import { protectApi } from '@monocloud/backend-node/express';
import { fromHeader } from '@monocloud/backend-node/certificates';

// Without a client, the first argument is the options. Everything else is in MONOCLOUD_BACKEND_*.
const protect = protectApi({ certificateResolver: fromHeader('x-client-cert') });

const app = express();

// A bound token needs its certificate; an unbound token passes.
app.get('/api/me', protect(), (request, response) => {
  response.json({ subject: request.claims.sub });
});

// Accepts only bound tokens.
app.get('/api/payments', protect({ validateCertificateBinding: true }), (request, response) => {
  response.json({ subject: request.claims.sub, certificate: request.claims.cnf['x5t#S256'] });
});

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () =>
  console.log(`listening ${server.address().port}`),
);
