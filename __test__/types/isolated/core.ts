// Compiled without either framework installed.
import { MonoCloudBackendNodeClient, MonoCloudTokenError } from '@monocloud/backend-node';
import { memoryCache } from '@monocloud/backend-node/cache';
import { fromSocket } from '@monocloud/backend-node/certificates';
import { getNumber } from '@monocloud/backend-node/internal';
import { generateState } from '@monocloud/backend-node/utils';

export const client = new MonoCloudBackendNodeClient({ cache: memoryCache() });
export const resolver = fromSocket();
export const helpers = [getNumber, generateState];
export const isExpired = (error: unknown) => error instanceof MonoCloudTokenError && error.reason === 'expired';

// @ts-expect-error not installed here: this proves that the test works
import type {} from 'express';
// @ts-expect-error not installed here
import type {} from 'fastify';
