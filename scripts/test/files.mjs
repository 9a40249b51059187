// Which test files exist, which are quick, which have a long form, and is the built add-on current?

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { root } from '../setup.mjs';

const TESTS = join(root, '__test__');
/** A test that imports one of these starts another process or thread, or uses a server outside its own process. */
const OUTSIDE = /['"](?:node:)?(?:child_process|cluster|ioredis|oidc-provider|redis|worker_threads)['"]/;
/**
 * Each takes longer than all the quick ones together: thousands of random cases, and deliberately slow key
 * derivations.
 */
const TOO_LONG = ['differential.test.mjs', 'sealed.test.mjs'];
const LONG = /\bTEST_LONG\b/;

export function testFiles() {
  return filesIn(TESTS, (name) => name.endsWith('.test.mjs')).sort();
}

/** Tests that need no other process and no server outside their own, judged by their imports. */
export function quickFiles() {
  const known = new Map();
  return testFiles().filter((path) => !TOO_LONG.includes(basename(path)) && !needsOthers(path, known));
}

/** Tests that do more if TEST_LONG is set. */
export function longFiles() {
  return testFiles().filter((path) => LONG.test(readFileSync(path, 'utf8')));
}

/** Whether the add-on exists and none of its sources is newer. */
export function isBuilt() {
  try {
    const sources = [...filesIn(join(root, 'src'), () => true), join(root, 'Cargo.toml'), join(root, 'Cargo.lock')];
    const built = statSync(addOn()).mtimeMs;
    return sources.every((path) => statSync(path).mtimeMs <= built);
  } catch {
    return false;
  }
}

function addOn() {
  const names = readdirSync(join(root, 'npm')).filter((name) => name.endsWith('.node'));
  const { arch, platform } = process;
  const name = names.find((file) => file.includes(`.${platform}-${arch}`));
  if (!name) throw new Error('the add-on is not built');
  return join(root, 'npm', name);
}

function needsOthers(path, known) {
  if (known.has(path)) return known.get(path);
  // Imports may be circular: a file that is still being examined counts as needing nothing.
  known.set(path, false);
  const source = readFileSync(path, 'utf8');
  const result = OUTSIDE.test(source) || importsOf(path, source).some((imported) => needsOthers(imported, known));
  known.set(path, result);
  return result;
}

/** The files of this repository that a file imports, except the package itself. */
function importsOf(path, source) {
  return [...source.matchAll(/(?:\bfrom |\bimport |\bimport\()['"](\.[^'"]+)['"]/g)]
    .map(([, target]) => resolve(dirname(path), target))
    .filter((target) => target.startsWith(TESTS) || target.startsWith(join(root, 'scripts')))
    .filter((target) => /\.[cm]?js$/.test(target) && isFile(target));
}

function isFile(path) {
  return Boolean(statSync(path, { throwIfNoEntry: false })?.isFile());
}

function filesIn(folder, isWanted) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesIn(path, isWanted);
    return isWanted(entry.name) ? [path] : [];
  });
}
