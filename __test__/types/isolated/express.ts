// Compiled where Fastify is not installed.
import express from 'express';
import { protectApi, type AuthenticatedExpressRequest } from '@monocloud/backend-node/express';

express().get('/', protectApi()(), (req, res) => {
  res.json((req as AuthenticatedExpressRequest).claims);
});

// @ts-expect-error not installed here: the test proves what it says
import type {} from 'fastify';
