module.exports = {
  testMatch: ['**/kit.jest.cjs'],
  globalSetup: '@monocloud/backend-node/testing/setup',
};
