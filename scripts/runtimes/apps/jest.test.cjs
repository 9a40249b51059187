// Under Jest, with and without fake timers. Run by scripts/runtimes.mjs.

/* global afterEach, expect, jest, test */

const { MonoCloudBackendNodeClient, MonoCloudTokenError } = require('@monocloud/backend-node');

const { MEMBER, OPAQUE } = process.env;
const HOUR = 3_600_000;

afterEach(() => jest.useRealTimers());

test('a JWT and an opaque token are validated', async () => {
  const client = new MonoCloudBackendNodeClient();
  expect((await client.validateAccessToken(MEMBER)).sub).toBe('user-1');
  expect((await client.validateAccessToken(OPAQUE)).sub).toBe('user-1');
});

test('the time is that of fake timers, and nothing waits for them', async () => {
  jest.useFakeTimers();
  const client = new MonoCloudBackendNodeClient();
  expect((await client.validateAccessToken(MEMBER)).sub).toBe('user-1');
  jest.setSystemTime(Date.now() + 2 * HOUR);
  const error = await client.validateAccessToken(MEMBER).catch((refused) => refused);
  expect(error).toBeInstanceOf(MonoCloudTokenError);
  expect(error.reason).toBe('expired');
});

test('a spy sees the call', async () => {
  const client = new MonoCloudBackendNodeClient();
  const spy = jest.spyOn(client, 'validateJwtAccessToken');
  await client.validateAccessToken(MEMBER);
  expect(spy).toHaveBeenCalledTimes(1);
});

test('a mocked issuer is asked through fetcher', async () => {
  const fetcher = jest.fn((...args) => fetch(...args));
  const client = new MonoCloudBackendNodeClient({ fetcher });
  await client.validateAccessToken(MEMBER);
  expect(fetcher).toHaveBeenCalledTimes(2);
});
