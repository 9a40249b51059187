// Is the house still built as its plan says?
//
// The import table of the engine is the order of `mod` in src/engine/mod.rs;
// the one of the shims is below. And the limits: 500 lines a file, 1300 for the
// N-API room altogether, 60 for a framework's shim.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path/posix';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A shim may import those of the rows above its own, never one of its own row. */
const SHIMS = [
  ['client/health', 'client/pending', 'native/platform'],
  ['native/load-errors'],
  ['native/load'],
  ['errors/errors'],
  ['client/arguments', 'client/json', 'client/time', 'native/panic-guard'],
  [
    'client/check-claims',
    'client/claims',
    'client/deadline',
    'client/events',
    'client/fetcher-body',
    'client/options',
    'client/policy',
    'internal',
    'protect/credentials',
  ],
  [
    'client/claims-template',
    'client/key-refresh',
    'client/sealed',
    'client/user-functions',
    'client/validate-cached',
    'protect/preflight',
    'protect/response',
  ],
  ['client/validate'],
  ['client/client'],
  ['index', 'protect/route'],
  ['express', 'fastify'],
  ['cache', 'certificates', 'doctor', 'utils'],
];

const MAX_LINES = 500;
const MAX_ADDON_LINES = 1300;
const MAX_FRAMEWORK_LINES = 60;
const LIMITED_FOLDERS = ['src', 'npm', '__test__', 'bench', 'scripts'];
/** What is not written by hand here. */
const MADE = ['node_modules', 'results', 'third-party'];
const SOURCE = /\.(?:rs|[cm]?js|[cm]?ts|json)$/;

/** The rooms of the engine, top down. A room uses those of the rows below its own, and its own files. */
const ROOMS = [
  ['validate', 'mod'],
  ['config'],
  ['introspection'],
  ['keys'],
  ['authorize'],
  ['memory'],
  ['transport'],
  ['token'],
  ['error', 'load_limit', 'time'],
];

describe('the engine', () => {
  const rowOf = (room) => ROOMS.findIndex((row) => row.includes(room));

  test('a room uses only those below it', () => {
    const wrong = engineFiles().flatMap(({ path, room, source }) =>
      usesIn(source)
        .filter((used) => used !== room && rowOf(used) >= 0 && rowOf(used) <= rowOf(room))
        .map((used) => `${path} uses ${used}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('every file is in a room', () => {
    assert.deepEqual(engineFiles().filter(({ room }) => rowOf(room) < 0).map(({ path }) => path), []);
  });

  test('no file names napi', () => {
    const naming = engineFiles().filter(({ source }) => /\bnapi/.test(source));
    assert.deepEqual(naming.map(({ path }) => path), []);
  });

  test('nothing names the addon but lib.rs', () => {
    const outside = filesIn('src', '.rs').filter((path) => !path.startsWith('src/addon/') && path !== 'src/lib.rs');
    assert.deepEqual(outside.filter((path) => /\baddon\b/.test(code(read(path)))), []);
    assert.match(code(read('src/lib.rs')), /\bmod addon;/);
  });

  /** Files that are no tests, each with its room and its code without tests. */
  function engineFiles() {
    return filesIn('src/engine', '.rs')
      .filter((path) => !/(?:tests|\/testing)\.rs$/.test(path))
      .map((path) => ({ path, room: roomOf(path), source: code(read(path)) }));
  }

  /** `src/engine/keys/jwk.rs` is in keys; `src/engine/time.rs` is a room of its own. */
  function roomOf(path) {
    return basename(relative('src/engine', path).split('/')[0], '.rs');
  }
});

describe('the shims', () => {
  const files = filesIn('npm', '.js');

  test('each has a row in the table, and each row its file', () => {
    assert.deepEqual([...new Set(files.map(shimOf))].sort(), SHIMS.flat().sort());
  });

  test('each imports only from the rows above its own', () => {
    const rowOf = (shim) => SHIMS.findIndex((row) => row.includes(shim));
    const wrong = files.flatMap((path) =>
      shimsIn(read(path), path)
        .filter((used) => used !== shimOf(path) && rowOf(used) >= rowOf(shimOf(path)))
        .map((used) => `${path} imports ${used}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('a wrapper for import imports its own shim and nothing else', () => {
    for (const path of filesIn('npm', '.mjs')) {
      assert.deepEqual(importsIn(read(path)), [`./${basename(path, '.mjs')}.js`], path);
    }
  });

  /** `npm/client/policy.js` is client/policy; all of `npm/doctor/` is doctor's. */
  function shimOf(path) {
    const name = relative('npm', path).replace(/\.js$/, '');
    return name.startsWith('doctor/') ? 'doctor' : name;
  }

  function shimsIn(source, path) {
    const local = importsIn(source).filter((target) => target.startsWith('.') && target.endsWith('.js'));
    return local.map((target) => shimOf(join(path, '..', target)));
  }
});

describe('the limits', () => {
  for (const folder of LIMITED_FOLDERS) {
    test(`no file of ${folder} is longer than ${MAX_LINES} lines`, () => {
      const files = filesIn(folder, '').filter((path) => SOURCE.test(path));
      assert.ok(files.length > 0);
      const lengths = files.map((path) => [path, linesOf(path)]);
      assert.deepEqual(lengths.filter(([, lines]) => lines > MAX_LINES), []);
    });
  }

  test(`src/addon has at most ${MAX_ADDON_LINES} lines altogether`, () => {
    const lines = filesIn('src/addon', '.rs').map(linesOf);
    const sum = lines.reduce((total, length) => total + length, 0);
    assert.ok(sum <= MAX_ADDON_LINES, `${sum} lines`);
  });

  test(`a framework's shim has at most ${MAX_FRAMEWORK_LINES} lines`, () => {
    for (const path of ['npm/express.js', 'npm/fastify.js']) {
      assert.ok(linesOf(path) <= MAX_FRAMEWORK_LINES, `${path}: ${linesOf(path)} lines`);
    }
  });
});

test('the readers of this file see what they look for', () => {
  assert.deepEqual(modulesIn(code('pub mod a;\nmod b;\n// mod c;\npub mod d_e;\n#[cfg(test)]\nmod tests;')), ['a', 'b', 'd_e']);
  assert.deepEqual(usesIn('use super::a::B;\nuse crate::engine::{c::D, e};\nlet x = super::f::g();'), ['a', 'c', 'e', 'f']);
  assert.deepEqual(usesIn(code('// super::a\nuse super::b;\n#[cfg(test)]\nmod tests { use super::c; }')), ['b']);
  assert.deepEqual(partsIn('#[path = "a_b.rs"]\nmod b;'), ['a_b.rs']);
  assert.deepEqual(importsIn("import a from './a.js';\nexport * from \"b\";\nrequire('./c.js');\nimport('./d.js')"),
    ['./a.js', 'b', './c.js', './d.js']);
});

function modulesIn(source) {
  return [...source.matchAll(/^(?:pub )?mod (\w+);/gm)].map(([, name]) => name);
}

/** The modules of the engine that a source names by path. */
function usesIn(source) {
  const paths = [...source.matchAll(/\b(?:super|crate::engine)::(\w+|\{[^;]*\})/g)].map(([, path]) => path);
  return paths.flatMap((path) => (path.startsWith('{') ? path.slice(1, -1).split(',').map(firstWord) : path));
}

const firstWord = (text) => text.trim().split('::')[0];

function partsIn(source) {
  return [...source.matchAll(/#\[path = "(\w+\.rs)"\]/g)].map(([, name]) => name);
}

function importsIn(source) {
  const forms = /(?:\bfrom |\brequire\(|\bimport\(|^import )(['"])(.+?)\1/gm;
  return [...source.matchAll(forms)].map(([, , target]) => target);
}

/** Rust without comments and without tests, which stand at the end of a file. */
function code(source) {
  return source.split(/^#\[cfg\(test\)\]/m)[0].replace(/\/\/.*$/gm, '');
}

function filesIn(folder, ending) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return MADE.includes(entry.name) ? [] : filesIn(path, ending);
    return path.endsWith(ending) ? [path] : [];
  });
}

function linesOf(path) {
  return read(path).replace(/\n$/, '').split('\n').length;
}

function read(path) {
  return readFileSync(join(root, path), 'utf8');
}
