/**
 * Global setup for test runners. It starts a test issuer on 127.0.0.1 and sets these environment variables for all test
 * processes: `MONOCLOUD_BACKEND_TENANT_DOMAIN`, `MONOCLOUD_BACKEND_AUDIENCE` (unless it is already set),
 * `MONOCLOUD_BACKEND_CLIENT_ID`, `MONOCLOUD_BACKEND_CLIENT_SECRET`, and `MONOCLOUD_TEST_ISSUER`, which
 * `connectTestIssuer()` reads.
 *
 * - Vitest: `test: { globalSetup: '@monocloud/backend-node/testing/setup' }`
 * - Jest: `globalSetup: '@monocloud/backend-node/testing/setup'`
 * - Node.js 24 and later: `node --test --test-global-setup=FILE`, with a file that exports the two functions below.
 *
 * Use it for an application that creates its client when it is imported, from the environment.
 */

/** Starts the server. Returns the function that stops it. */
declare function setup(): Promise<() => Promise<void>>;

declare namespace setup {
  export { setup as default, setup as globalSetup };
  /** Stops the server. The process can end without it. */
  export function globalTeardown(): Promise<void>;
}

export = setup;
