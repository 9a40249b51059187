// How does a test run several server processes of one API?

import { fork } from 'node:child_process';
import { once } from 'node:events';

/** Starts `count` processes (server.child.mjs): `{ ports, urls, close }`. */
export async function startServers(count, { options, redis, library = 'node-redis' }) {
  const children = Array.from({ length: count }, () =>
    fork(new URL('server.child.mjs', import.meta.url), {
      env: {
        PATH: process.env.PATH,
        OPTIONS: JSON.stringify(options),
        ...(redis && { REDIS: String(redis.port), LIBRARY: library }),
      },
    }),
  );
  const started = await Promise.all(children.map((child) => Promise.race([once(child, 'message'), failed(child)])));
  const urls = started.map(([{ url }]) => url);
  return {
    urls,
    ports: urls.map((url) => Number(new URL(url).port)),
    close: () =>
      Promise.all(
        children.map(async (child) => {
          const ended = once(child, 'exit');
          child.disconnect();
          await ended;
        }),
      ),
  };
}

async function failed(child) {
  const [code, signal] = await once(child, 'exit');
  throw new Error(`the server process ended with ${signal ?? code}`);
}
