// How far is a script? It says what it does now, and how much is left.
//
// On a terminal: one line that changes. Elsewhere, above all in CI, and around tools that write output of their own: one
// line per step.

/** @param `total` How many steps there are. `hasOutput`: whether other lines are written between the steps. */
export function progress(total, { hasOutput = false, stdout = process.stdout, env = process.env } = {}) {
  const isLive = Boolean(stdout.isTTY) && !env.CI && !hasOutput;
  let done = 0;
  let current;
  let began = performance.now();
  let timer;

  const seconds = () => `${Math.round((performance.now() - began) / 1000)} s`;
  const line = () => `[${done + 1}/${total}] ${current}`;

  function draw() {
    const text = `${line()}  ${seconds()}`;
    stdout.write(`\r\u001B[2K${text.slice(0, (stdout.columns ?? 80) - 1)}`);
  }

  return {
    /** Begins a step. The one before it has ended. */
    step(name) {
      if (current !== undefined) done += 1;
      [current, began] = [name, performance.now()];
      if (!isLive) stdout.write(`${line()}\n`);
      else {
        timer ??= setInterval(draw, 1000).unref();
        draw();
      }
    },

    /** Counts a step that ran beside others, when it has ended. */
    ended(name) {
      done += 1;
      const text = `[${done}/${total}] ${name}`;
      stdout.write(isLive ? `\r\u001B[2K${text.slice(0, (stdout.columns ?? 80) - 1)}` : `${text}\n`);
    },

    /** Ends the last step, and removes the line from a terminal. */
    end() {
      clearInterval(timer);
      if (current !== undefined) done += 1;
      current = undefined;
      if (isLive) stdout.write('\r\u001B[2K');
    },
  };
}
