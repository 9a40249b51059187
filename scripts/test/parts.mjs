// What does each mode of `npm test` run, in which order?
//
// A part is `{ name, command, args, env, reader, needs }`. `reader` parses its output. A part is skipped if the part
// that it needs has failed.

import { join, relative } from 'node:path';

import { root } from '../setup.mjs';
import { isBuilt, longFiles, quickFiles, testFiles } from './files.mjs';
import { readCargo, readNode, readNothing } from './readers.mjs';

/** Mutated inputs per fuzz target in the gate. Without the variable, tests/fuzz_corpus.rs tries 100,000. */
const GATE_FUZZ_CASES = '20000';
const REPORTER = './scripts/test/reporter.mjs';
const FORMATTED = ['**/*.{js,mjs,cjs,ts,mts,cts}'];

/** The parts of a mode; `undefined` for an unknown mode. */
export function partsOf(mode) {
  return {
    all: () => [...rust(), ...javascript(testFiles())],
    rust,
    js: () => javascript(testFiles()),
    quick,
    long,
  }[mode]?.();
}

function rust() {
  return [
    cargo('Rust format', ['fmt', '--check']),
    cargo('clippy, add-on', ['clippy', '--locked', '--lib', '--', '-D', 'warnings']),
    cargo('clippy, tests', ['clippy', '--locked', '--all-targets', '--no-default-features', '--', '-D', 'warnings']),
    cargoTest('Rust tests', [], { FUZZ_CASES: GATE_FUZZ_CASES, ...given('FUZZ_CASES') }),
  ];
}

function javascript(files) {
  return [node('build', ['scripts/build.mjs']), ...style(), nodeTest('JavaScript tests', files)];
}

function quick() {
  return [
    cargo('Rust format', ['fmt', '--check']),
    cargoTest('Rust unit tests', ['--lib']),
    ...(isBuilt() ? [] : [node('build', ['scripts/build.mjs', '--debug'])]),
    ...style(),
    nodeTest('JavaScript tests', quickFiles()),
  ];
}

function long() {
  return [
    cargoTest('fuzz corpus', ['--test', 'fuzz_corpus']),
    node('build', ['scripts/build.mjs']),
    nodeTest('long JavaScript tests', longFiles(), { TEST_LONG: '1' }),
  ];
}

function style() {
  return [
    node('JavaScript format', ['node_modules/prettier/bin/prettier.cjs', '--check', '--cache', ...FORMATTED]),
    node('oxlint', ['node_modules/oxlint/bin/oxlint', '--deny-warnings']),
  ];
}

function cargo(name, args) {
  return { name, command: 'cargo', args, reader: readNothing };
}

/** Without default features: the engine must build and pass without Node. */
function cargoTest(name, args, env = {}) {
  const all = ['test', '--locked', '--no-default-features', '--no-fail-fast', ...args];
  return { name, command: 'cargo', args: all, env, reader: readCargo };
}

function node(name, args) {
  return { name, command: process.execPath, args, reader: readNothing };
}

/** Two reporters: TAP for people and CI, and ours for the counts. The display decides which one is printed. */
function nodeTest(name, files, env = {}) {
  const paths = files.map((path) => relative(root, path));
  return {
    name,
    command: process.execPath,
    args: ({ tap, results }) => [
      '--test',
      '--test-concurrency=2',
      '--test-reporter=tap',
      `--test-reporter-destination=${tap}`,
      `--test-reporter=${REPORTER}`,
      `--test-reporter-destination=${results}`,
      ...paths,
    ],
    env,
    reader: () => readNode(paths.length),
    needs: 'build',
    folder: join(root, 'target', 'tests'),
  };
}

function given(variable) {
  return process.env[variable] === undefined ? {} : { [variable]: process.env[variable] };
}
