import cjs from './setup.js';

export const {
  globalSetup,
  globalTeardown,
} = cjs;
export default cjs;
