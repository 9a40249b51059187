// Which test files are there, which are quick, which have a long form, and is the add-on built from today's sources?

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { root } from '../setup.mjs';

const TESTS = join(root, '__test__');
/** A test whose imports reach one of these starts a server or a process, or talks to one. */
const SLOW =
  /['"](?:node:)?(?:child_process|cluster|dgram|http|http2|https|net|tls|worker_threads|express.*|fastify.*|redis|ioredis|oidc-provider)['"]/;
const LONG = /\bTEST_LONG\b/;

export function testFiles() {
  return filesIn(TESTS, (name) => name.endsWith('.test.mjs')).sort();
}

/** Those that need neither a server nor a child process, by what they import. */
export function quickFiles() {
  const known = new Map();
  return testFiles().filter((path) => !isSlow(path, known));
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

function isSlow(path, known) {
  if (known.has(path)) return known.get(path);
  // A file that is being looked at is not slow by itself: imports may go round.
  known.set(path, false);
  const source = readFileSync(path, 'utf8');
  const result = SLOW.test(source) || importsOf(path, source).some((imported) => isSlow(imported, known));
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
