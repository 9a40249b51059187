// How does a suite report that it cannot run on this machine?
//
// node:test does not count a skipped `describe`: neither the suite nor its tests appear as skipped, and the reason is
// not printed. A run without Redis would look complete. `describeWhere` leaves one skipped test in its place, which
// is counted and prints the reason.

import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';

/** Like `describe(name, body)`, or one skipped test of that name if `why` is a text. */
export function describeWhere(why, name, body) {
  if (why) test(name, { skip: why });
  else describe(name, body);
}

/**
 * Why the tests that need a command cannot run here; `false` if they can. With `CI=true` a missing command is a
 * failure: the tests run, and fail.
 */
export function needsCommand(command, versionFlag = '--version') {
  if (process.env.CI === 'true' || spawnSync(command, [versionFlag]).status === 0) return false;
  return `${command} is not installed`;
}
