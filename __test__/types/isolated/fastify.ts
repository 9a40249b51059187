// Compiled without Express installed.
import Fastify from 'fastify';
import { protectApi, type AuthenticatedFastifyRequest } from '@monocloud/backend-node/fastify';

Fastify().get('/', { onRequest: protectApi()() }, async (request) => (request as AuthenticatedFastifyRequest).claims);

// @ts-expect-error not installed here: this proves that the test works
import type {} from 'express';
