// An API behind nginx, which ends TLS and forwards the caller's certificate: tokens that are bound to a certificate
// (RFC 8705) are accepted only from its holder.
//
// The header is worth something only because nobody but nginx reaches this port, and nginx overwrites it.

import express from 'express';
import { protectApi } from '@monocloud/backend-node/express';
import { fromHeader } from '@monocloud/backend-node/certificates';

// Without a client of its own the first argument is the options: all else is in MONOCLOUD_BACKEND_*.
const protect = protectApi({ certificateResolver: fromHeader('x-client-cert') });

const app = express();

// A bound token needs its certificate here too; an unbound one passes.
app.get('/api/me', protect(), (request, response) => {
  response.json({ subject: request.claims.sub });
});

// Only bound tokens.
app.get('/api/payments', protect({ validateCertificateBinding: true }), (request, response) => {
  response.json({ subject: request.claims.sub, certificate: request.claims.cnf['x5t#S256'] });
});

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () =>
  console.log(`listening ${server.address().port}`),
);
