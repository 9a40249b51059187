// How does a test wait for work in the background?

const DEADLINE_MS = 10_000;

/** Calls `check` (sync or async) until it returns something truthy, and returns that; throws after 10 s. */
export async function eventually(check) {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > end) throw new Error(`still not so: ${check}`);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
