// Which test files are there, which are quick, which have a long form, and is the add-on built from today's sources?

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { root } from '../setup.mjs';

const TESTS = join(root, '__test__');
/** A test whose imports reach one of these starts another process or thread, or talks to a server outside its own. */
const OUTSIDE = /['"](?:node:)?(?:child_process|cluster|ioredis|oidc-provider|redis|worker_threads)['"]/;
/** Alone longer than all the quick ones: random cases by the thousand, and derivations of keys that are slow by design. */
const TOO_LONG = ['differential.test.mjs', 'sealed.test.mjs'];
const LONG = /\bTEST_LONG\b/;

export function testFiles() {
  return filesIn(TESTS, (name) => name.endsWith('.test.mjs')).sort();
}

/** Those that need no other process and no server outside their own, by what they import. */
export function quickFiles() {
  const known = new Map();
  return testFiles().filter((path) => !TOO_LONG.includes(basename(path)) && !needsOthers(path, known));
}

/** Those that do more when TEST_LONG is set. */
export function longFiles() {
  return testFiles().filter((path) => LONG.test(readFileSync(path, 'utf8')));
}

/** Whether the add-on is there and no source of it is newer. */
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
  // A file that is being looked at needs nothing by itself: imports may go round.
  known.set(path, false);
  const source = readFileSync(path, 'utf8');
  const result = OUTSIDE.test(source) || importsOf(path, source).some((imported) => needsOthers(imported, known));
  known.set(path, result);
  return result;
}

/** The files of this repository that a file imports from, beside the package itself. */
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
