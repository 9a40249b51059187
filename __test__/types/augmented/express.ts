// The same for Express.
import type { AccessTokenClaims } from '@monocloud/backend-node';
declare global {
  namespace Express {
    interface Request {
      claims?: AccessTokenClaims;
    }
  }
}

import express from 'express';
import { protectApi, type AuthenticatedExpressRequest } from '@monocloud/backend-node/express';

const app = express();
const protect = protectApi();

app.get('/api/me', protect(), (req, res) => {
  res.json({ length: req.claims?.sub.length });
});
app.get('/api/cast', protect(), (req, res) => {
  const { claims } = req as AuthenticatedExpressRequest;
  res.json({ length: claims.sub.length });
});
