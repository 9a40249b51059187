// node:test has a global setup since Node.js 24. Before, the file that imports the application starts the issuer.

import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';

import { createTestIssuer } from '@monocloud/backend-node/testing';

import defineSuite from './suite.cjs';

const issuer = createTestIssuer();
const { env } = await issuer.listen();
Object.assign(process.env, env);
const { app } = await import('./app.cjs');

afterEach(() => mock.timers.reset());

defineSuite({
  app,
  issuer,
  test,
  equal: assert.equal,
  setTime: (now) => mock.timers.enable({ apis: ['Date'], now }),
});
