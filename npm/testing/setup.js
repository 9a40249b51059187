'use strict';

/**
 * Starts a test issuer before a test run and sets the environment variables of the client: `globalSetup` of Vitest and
 * Jest, `--test-global-setup` of `node --test`.
 */

const { createTestIssuer } = require('../testing.js');

/** @typedef {() => Promise<void>} Close */

/** @type {Close | undefined} */
let closeServer;

/** @returns {Promise<Close>} Vitest calls what the setup returns. */
async function setup() {
  const audience = process.env.MONOCLOUD_BACKEND_AUDIENCE || undefined;
  const { env, close } = await createTestIssuer({ audience }).listen();
  Object.assign(process.env, env);
  closeServer = close;
  return close;
}

/** For runners with a separate function. The server does not keep the process alive without it either. */
async function globalTeardown() {
  await closeServer?.();
}

module.exports = Object.assign(setup, { default: setup, globalSetup: setup, globalTeardown });
