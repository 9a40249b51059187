/**
 * A global setup for test runners. Its module name is `@monocloud/backend-node/testing/setup`.
 * The default export is `globalSetup`.
 *
 * @module
 */

export { globalSetup, globalTeardown } from '../../../../npm/testing/setup.mjs';
