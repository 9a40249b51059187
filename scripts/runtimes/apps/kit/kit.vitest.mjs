import { connectTestIssuer } from '@monocloud/backend-node/testing';
import { afterEach, expect, test, vi } from 'vitest';

import { app } from './app.cjs';
import defineSuite from './suite.cjs';

afterEach(() => {
  vi.useRealTimers();
});

defineSuite({
  app,
  issuer: connectTestIssuer(),
  test,
  equal: (actual, expected) => expect(actual).toBe(expected),
  setTime: (now) => vi.useFakeTimers({ now, toFake: ['Date'] }),
});
