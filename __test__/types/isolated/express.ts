// Compiled without Fastify installed.
import express from 'express';
import { protectApi, type AuthenticatedExpressRequest } from '@monocloud/backend-node/express';

express().get('/', protectApi()(), (req, res) => {
  res.json((req as AuthenticatedExpressRequest).claims);
});

// @ts-expect-error not installed here: this proves that the test works
import type {} from 'fastify';
