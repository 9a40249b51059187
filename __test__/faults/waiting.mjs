// How does a test wait for a condition instead of a fixed time?

const STEP_MS = 20;

/** Calls `check` until it returns something truthy, and returns that; throws after `deadline` milliseconds. */
export async function eventually(check, deadline = 15_000) {
  const end = performance.now() + deadline;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (performance.now() > end) throw new Error(`did not happen within ${deadline} ms`);
    await new Promise((resolve) => {
      setTimeout(resolve, STEP_MS);
    });
  }
}

/** The error that a promise rejects with; fails if the promise resolves. */
export async function rejection(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`resolved with ${JSON.stringify(value)}`);
}

/** `promise`, or an error after `deadline` milliseconds. This bounds a hang and measures nothing. */
export async function within(deadline, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${deadline} ms`)), deadline);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
