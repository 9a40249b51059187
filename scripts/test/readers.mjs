// How is the output of a tool parsed? A reader takes it line by line. `read(line)` returns the progress to show, or
// nothing. `result()` returns the counts, the failures and the skipped tests.

export function readNothing() {
  return { read: (line) => line.trim().slice(0, 80), result: () => ({}) };
}

/** `cargo test`: https://doc.rust-lang.org/rustc/tests/index.html */
export function readCargo() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
  const skips = [];
  let hasRun = false;
  let where = '';
  let done = 0;
  return {
    read(line) {
      const [, crate] = /^\s+Compiling (\S+)/.exec(line) ?? [];
      if (crate) return `compiling ${crate}`;
      const [, file] = /^\s+Running (?:unittests )?(\S+)/.exec(line) ?? [];
      if (file) where = file;
      const [, name, outcome] = /^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)/.exec(line) ?? [];
      if (name) done += 1;
      if (outcome === 'FAILED') failures.push({ name, file: where });
      if (outcome === 'ignored') skips.push({ name, why: 'ignored' });
      const sums = /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/.exec(line);
      if (sums) {
        hasRun = true;
        counts.passed += Number(sums[1]);
        counts.failed += Number(sums[2]);
        counts.skipped += Number(sums[3]);
      }
      return where && `${where}, ${done} tests done`;
    },
    result: () => ({ counts: hasRun ? counts : undefined, failures, skips }),
  };
}

/** The lines of scripts/test/reporter.mjs. */
export function readNode(files) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
  const skips = [];
  const times = new Map();
  return {
    read(line) {
      const event = parse(line);
      if (!event) return undefined;
      const { name, file, outcome, why, error, ms } = event;
      if (outcome) counts[outcome] += 1;
      if (outcome === 'failed') failures.push({ name, file, error });
      if (outcome === 'skipped') skips.push({ name, why });
      times.set(file, (times.get(file) ?? 0) + ms);
      // The tests of a shared suite are in a file that is not a test file itself.
      const seen = [...times.keys()].filter((path) => path.endsWith('.test.mjs')).length;
      return `${seen} of ${files} files, ${counts.passed} passed, ${counts.failed} failed, ${file}`;
    },
    result: () => ({ counts: times.size > 0 ? counts : undefined, failures, skips, times }),
  };
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
