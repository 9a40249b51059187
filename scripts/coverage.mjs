// `npm run coverage`: which lines and branches of the engine do its Rust tests reach? Runs unit tests, vectors,
// faults, and a part of the fuzz corpus. Lists the modules that make decisions one by one, with the parts that no
// test reached. They must reach the share in REQUIRED.
//
// Needs cargo-llvm-cov (`cargo install cargo-llvm-cov`) and the LLVM tools of the compiler's version:
// `rustup component add llvm-tools`, or a system's `llvm-cov-NN` and `llvm-profdata-NN`, or LLVM_COV and
// LLVM_PROFDATA. Branch coverage is not stable yet: RUSTC_BOOTSTRAP enables it.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

import { root } from './setup.mjs';

/** Modules in which a wrong line could accept an invalid token. */
const DECISIONS = [
  'cached',
  'certificate',
  'certificate_headers',
  'claims',
  'claims_template',
  'compact',
  'confirmation',
  'groups',
  'header',
  'introspected',
  'json',
  'json_document',
  'json_names',
  'jwk',
  'jwk_entry',
  'jwt',
  'membership',
  'obtained',
  'policy',
  'time',
];
/** The share of branches that these must reach. */
const REQUIRED = [
  'certificate',
  'claims',
  'compact',
  'confirmation',
  'groups',
  'header',
  'jwk',
  'jwk_entry',
  'membership',
  'policy',
];
const FUZZ_CASES = '5000';

const lcov = join(root, 'target', 'coverage.lcov');
mkdirSync(join(root, 'target'), { recursive: true });
const { status, error } = spawnSync(
  'cargo',
  ['llvm-cov', '--no-default-features', '--locked', '--branch', '--tests', '--lcov', '--output-path', lcov],
  { cwd: root, stdio: 'inherit', env: { FUZZ_CASES, RUSTC_BOOTSTRAP: '1', ...llvmTools(), ...process.env } },
);
if (error || status !== 0) process.exit(status ?? 1);

const files = read(readFileSync(lcov, 'utf8'));
let isEnough = true;
console.log(`\n${'module'.padEnd(22)}${'lines'.padStart(14)}${'branches'.padStart(14)}`);
for (const [path, { lines, branches }] of files) {
  const name = basename(path, '.rs');
  if (!DECISIONS.includes(name)) continue;
  const missed = [
    ...lines.filter(({ hits }) => hits === 0).map(({ line }) => `line ${line}`),
    ...branches.filter(({ hits }) => hits === 0).map(({ line, way }) => `line ${line}, never ${way}`),
  ];
  console.log(`${name.padEnd(22)}${share(lines).padStart(14)}${share(branches).padStart(14)}`);
  for (const what of missed) console.log(`  ${relative(root, path)} ${what}`);
  if (REQUIRED.includes(name) && branches.some(({ hits }) => hits === 0)) isEnough = false;
}
if (!isEnough) {
  console.error(`\nNot every branch of ${REQUIRED.join(', ')} is reached.`);
  process.exit(1);
}

function share(points) {
  return `${points.filter(({ hits }) => hits > 0).length}/${points.length}`;
}

/** Maps `path` to its lines and branches, without the file's own tests. */
function read(text) {
  const files = new Map();
  for (const record of text.split('end_of_record')) {
    const path = /^SF:(.+)$/m.exec(record)?.[1];
    if (!path?.includes('/src/engine/')) continue;
    const end = firstLineOfTests(path);
    const numbers = (pattern) =>
      [...record.matchAll(pattern)].map((match) => match.slice(1)).filter(([line]) => Number(line) < end);
    const lines = numbers(/^DA:(\d+),(\d+)/gm).map(([line, hits]) => ({ line, hits: Number(hits) }));
    files.set(path, { lines, branches: branchesOf(numbers(/^BRDA:(\d+),(\d+),(\d+),(\d+|-)/gm)) });
  }
  return files;
}

/** A generic function has its branches once per type. A branch counts as reached if one type reaches it. */
function branchesOf(rows) {
  const ways = new Map();
  for (const [line, block, branch, hits] of rows) {
    const key = `${line} ${block} ${branch}`;
    ways.set(key, (ways.get(key) ?? 0) + (hits === '-' ? 0 : Number(hits)));
  }
  return [...ways].map(([key, hits]) => ({
    line: key.split(' ')[0],
    way: Number(key.split(' ')[2]) % 2 === 0 ? 'true' : 'false',
    hits,
  }));
}

function firstLineOfTests(path) {
  const index = readFileSync(path, 'utf8')
    .split('\n')
    .findIndex((line) => line.startsWith('#[cfg(test)]'));
  return index < 0 ? Infinity : index + 1;
}

function llvmTools() {
  const major = /LLVM version: (\d+)/.exec(spawnSync('rustc', ['-vV'], { encoding: 'utf8' }).stdout)?.[1];
  const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
  const [LLVM_COV, LLVM_PROFDATA] = [`llvm-cov-${major}`, `llvm-profdata-${major}`];
  return has(LLVM_COV) && has(LLVM_PROFDATA) ? { LLVM_COV, LLVM_PROFDATA } : {};
}
