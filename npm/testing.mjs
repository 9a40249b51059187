import cjs from './testing.js';

export const {
  connectTestIssuer,
  createTestIssuer,
} = cjs;
