// `import` and `require` return the same classes, also for the compiler: an ECMAScript module uses objects that a
// CommonJS module made. An ECMAScript module in every consumer.
import { createRequire } from 'node:module';
import type * as cjs from '@monocloud/backend-node' with { 'resolution-mode': 'require' };
import type * as cjsExpress from '@monocloud/backend-node/express' with { 'resolution-mode': 'require' };
import type * as cjsFastify from '@monocloud/backend-node/fastify' with { 'resolution-mode': 'require' };
import * as esm from '@monocloud/backend-node';
import * as esmExpress from '@monocloud/backend-node/express';
import * as esmFastify from '@monocloud/backend-node/fastify';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

same<typeof esm.MonoCloudBackendNodeClient, typeof cjs.MonoCloudBackendNodeClient>(true);
same<typeof esm.MonoCloudTokenError, typeof cjs.MonoCloudTokenError>(true);
same<typeof esmExpress.MonoCloudTokenError, typeof cjsFastify.MonoCloudTokenError>(true);
same<typeof esmExpress.protectApi, typeof cjsExpress.protectApi>(true);
same<typeof esmFastify.protectApi, typeof cjsFastify.protectApi>(true);
// The exports have the same names.
type Names<Module> = Exclude<keyof Module, 'default' | 'module.exports'>;
same<Names<typeof esm>, Names<typeof cjs>>(true);
same<Names<typeof esmExpress>, Names<typeof cjsExpress>>(true);
same<Exclude<keyof typeof esmExpress, keyof typeof esm>, 'protectApi'>(true);
same<Exclude<keyof typeof esmFastify, keyof typeof esm>, 'protectApi'>(true);

const { MonoCloudBackendNodeClient } = createRequire(import.meta.url)('@monocloud/backend-node') as typeof cjs;
export const protect = [
  esmExpress.protectApi(new MonoCloudBackendNodeClient()),
  esmFastify.protectApi(new MonoCloudBackendNodeClient()),
];
