// A deliberate error without `@ts-expect-error`: proof that the type tests can fail.
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

export const client = new MonoCloudBackendNodeClient({ clockSkew: 'five minutes' });
