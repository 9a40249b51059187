export default {
  test: {
    include: ['kit.vitest.mjs'],
    globalSetup: '@monocloud/backend-node/testing/setup',
  },
};
