// Compiled where Express is not installed.
import Fastify from 'fastify';
import { protectApi, type AuthenticatedFastifyRequest } from '@monocloud/backend-node/fastify';

Fastify().get('/', { onRequest: protectApi()() }, async (request) => (request as AuthenticatedFastifyRequest).claims);

// @ts-expect-error not installed here: the test proves what it says
import type {} from 'express';
