/* global afterEach, expect, jest, test */

const { connectTestIssuer } = require('@monocloud/backend-node/testing');

const { app } = require('./app.cjs');
const defineSuite = require('./suite.cjs');

/** Everything but `Date`. */
const REAL = [
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
];

afterEach(() => jest.useRealTimers());

defineSuite({
  app,
  issuer: connectTestIssuer(),
  test,
  equal: (actual, expected) => expect(actual).toBe(expected),
  setTime: (now) => jest.useFakeTimers({ now, doNotFake: REAL }),
});
