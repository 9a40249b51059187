// When has what happens in the background happened?

const DEADLINE_MS = 10_000;

/** Asks `check` (sync or async) again and again until what it gives is truthy, and gives that; throws after 10 s. */
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
