// What does a person see while the tests run?
//
// On a terminal: one line with the current part, its time and its progress, and the output of a part only if it
// fails. Elsewhere, above all in CI: every line of every tool at once.

import { timeOf } from './report.mjs';

const KEPT_LINES = 400;
/** The time updates by itself; a tool's progress is shown at most ten times per second. */
const TICK_MS = 1000;
const LEAST_BETWEEN_MS = 100;

export function display({ stdout = process.stdout, env = process.env } = {}) {
  return stdout.isTTY && !env.CI ? live(stdout) : plain(stdout);
}

function plain(stdout) {
  return {
    isLive: false,
    begin: (title, command) => stdout.write(`\n> ${title}: ${command.slice(0, 200)}\n`),
    line: (text) => stdout.write(`${text}\n`),
    end: (title, { isGood, seconds }) => stdout.write(`< ${title}: ${isGood ? 'ok' : 'FAILED'}, ${timeOf(seconds)}\n`),
  };
}

function live(stdout) {
  let began;
  let title;
  let progress;
  let kept;
  let timer;
  let drawn = 0;

  function draw() {
    drawn = performance.now();
    const seconds = (drawn - began) / 1000;
    const text = `${title}  ${timeOf(seconds)}  ${progress ?? ''}`;
    stdout.write(`\r\u001B[2K${text.slice(0, (stdout.columns ?? 80) - 1)}`);
  }

  return {
    isLive: true,
    begin(what) {
      [title, progress, kept, began] = [what, undefined, [], performance.now()];
      timer = setInterval(draw, TICK_MS);
      draw();
    },
    line(text, shown) {
      // The lines of our reporter are only for the summary, which lists the failures.
      if (!text.startsWith('{"name":')) kept.push(text);
      if (kept.length > KEPT_LINES) kept.shift();
      if (!shown) return;
      progress = shown;
      if (performance.now() - drawn >= LEAST_BETWEEN_MS) draw();
    },
    end(what, { isGood, seconds }) {
      clearInterval(timer);
      stdout.write(`\r\u001B[2K${what}  ${isGood ? 'ok' : 'FAILED'}, ${timeOf(seconds)}\n`);
      if (!isGood) stdout.write(`${kept.join('\n')}\n`);
    },
  };
}
