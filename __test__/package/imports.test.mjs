// Does every file import only files below it, and does it keep the size limits?
//
// The order of the engine's modules is that of `mod` in src/engine/mod.rs. The order of the JavaScript files is
// below. Limits: 500 lines per file, 1700 for all of src/addon, 80 for a framework's entry point without its JSDoc.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path/posix';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A file may import files of the rows above its own, and none of its own row. */
const FILES = [
  [
    'client/health',
    'client/in-time',
    'explain/fixes',
    'explain/moment',
    'explain/paths',
    'client/pending',
    'client/possession',
    'client/thumbprint',
    'client/printable',
    'client/resolved-clients',
    'native/platform',
  ],
  ['explain/proof', 'native/load-errors'],
  ['explain/describe', 'explain/rules', 'explain/values', 'native/load'],
  ['errors/errors', 'native/constants'],
  ['client/arguments', 'client/json', 'client/time', 'native/panic-guard'],
  ['cache/redis-client', 'client/call-proof', 'client/lists', 'client/request-proof'],
  [
    'client/check-claims',
    'client/claim-rules',
    'client/claims',
    'client/events',
    'client/fetcher-body',
    'client/options',
    'internal',
    'protect/challenge',
    'protect/headers',
    'protect/nest',
    'protect/renewal',
    'protect/resolver',
    'protect/resource-metadata',
  ],
  [
    'client/call-options',
    'client/claims-template',
    'client/diagnostics',
    'client/key-refresh',
    'client/revocation-answers',
    'client/sealed',
    'client/user-functions',
    'client/validate-cached',
    'client/validate-dpop',
    'protect/credentials',
    'protect/authorize',
    'protect/preflight',
    'protect/refusal-parts',
    'protect/request-url',
    'protect/response',
  ],
  [
    'cache/layered',
    'client/outcomes',
    'client/watched',
    'client/policy',
    'client/revocation',
    'protect/refusal',
    'protect/requirements',
    'protect/dpop',
    'protect/watched',
    'protect/forwarded',
    'protect/route-responses',
  ],
  ['cache/revocation-stores', 'client/validate-jwt'],
  ['client/validate', 'explain/explain'],
  ['client/client', 'client/issuer-resolver'],
  ['client/issuer-directory'],
  ['client/multi-issuer'],
  ['protect/issuers'],
  ['index', 'mcp/auth-info', 'mcp/client-facts', 'mcp/metadata', 'protect/admit', 'protect/api-options'],
  ['protect/origin'],
  ['protect/route'],
  ['protect/middleware'],
  ['express', 'fastify', 'koa', 'mcp/documents', 'mcp/endpoint', 'mcp/verifier', 'nestjs', 'node', 'web'],
  ['ws/refusal'],
  ['ws/connection'],
  ['ws/socket-io', 'ws/upgrade'],
  ['ws'],
  ['observability/labels', 'observability/listening'],
  ['observability/log', 'observability/measurements', 'observability/trace'],
  ['observability/metrics', 'observability/prometheus'],
  ['observability'],
  ['testing/certificate', 'testing/keys', 'testing/server'],
  ['testing/answers', 'testing/bad', 'testing/dpop'],
  ['testing/tokens'],
  ['testing/issuer'],
  ['testing'],
  ['testing/setup'],
  ['cache', 'certificates', 'doctor', 'mcp', 'utils'],
];

const MAX_LINES = 500;
const MAX_ADDON_LINES = 1700;
const MAX_FRAMEWORK_LINES = 80;
const LIMITED_FOLDERS = ['src', 'npm', '__test__', 'bench', 'scripts'];
/** Folders whose files are generated or come from other projects. */
const NOT_WRITTEN_HERE = ['node_modules', 'results', 'third-party'];
const SOURCE = /\.(?:rs|[cm]?js|[cm]?ts|json)$/;

/** The modules of the engine, top down. A module uses modules of the rows below its own, and its own files. */
const MODULES = [
  ['validate', 'mod'],
  ['config'],
  ['introspection'],
  ['authorize'],
  ['keys'],
  ['memory'],
  ['transport'],
  ['token'],
  ['error', 'load_limit', 'time'],
];

describe('the engine', () => {
  const rowOf = (module) => MODULES.findIndex((row) => row.includes(module));

  test('a module uses only modules below it', () => {
    const wrong = engineFiles().flatMap(({ path, module, source }) =>
      usesIn(source)
        .filter((used) => used !== module && rowOf(used) >= 0 && rowOf(used) <= rowOf(module))
        .map((used) => `${path} uses ${used}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('every file belongs to a module', () => {
    assert.deepEqual(
      engineFiles()
        .filter(({ module }) => rowOf(module) < 0)
        .map(({ path }) => path),
      [],
    );
  });

  test('no file names napi', () => {
    const naming = engineFiles().filter(({ source }) => /\bnapi/.test(source));
    assert.deepEqual(
      naming.map(({ path }) => path),
      [],
    );
  });

  test('nothing names the addon but lib.rs', () => {
    const outside = filesIn('src', '.rs').filter((path) => !path.startsWith('src/addon/') && path !== 'src/lib.rs');
    assert.deepEqual(
      outside.filter((path) => /\baddon\b/.test(code(read(path)))),
      [],
    );
    assert.match(code(read('src/lib.rs')), /\bmod addon;/);
  });

  /** Files that are not tests, each with its module and its code without tests. */
  function engineFiles() {
    return filesIn('src/engine', '.rs')
      .filter((path) => !/(?:tests|\/testing)\.rs$/.test(path))
      .map((path) => ({ path, module: moduleOf(path), source: code(read(path)) }));
  }

  /** `src/engine/keys/jwk.rs` belongs to keys; `src/engine/time.rs` is a module of its own. */
  function moduleOf(path) {
    return basename(relative('src/engine', path).split('/')[0], '.rs');
  }
});

describe('the JavaScript files', () => {
  const files = filesIn('npm', '.js');

  test('each has a row in the table, and each row its file', () => {
    assert.deepEqual([...new Set(files.map(fileOf))].sort(), FILES.flat().sort());
  });

  test('each imports only from the rows above its own', () => {
    const rowOf = (name) => FILES.findIndex((row) => row.includes(name));
    const wrong = files.flatMap((path) =>
      importedFilesIn(read(path), path)
        .filter((used) => used !== fileOf(path) && rowOf(used) >= rowOf(fileOf(path)))
        .map((used) => `${path} imports ${used}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('a wrapper for import imports its own file and nothing else', () => {
    for (const path of filesIn('npm', '.mjs')) {
      assert.deepEqual(importsIn(read(path)), [`./${basename(path, '.mjs')}.js`], path);
    }
  });

  /** `npm/client/policy.js` is client/policy; every file of `npm/doctor/` is doctor. */
  function fileOf(path) {
    const name = relative('npm', path).replace(/\.js$/, '');
    return name.startsWith('doctor/') ? 'doctor' : name;
  }

  function importedFilesIn(source, path) {
    const local = importsIn(source).filter((target) => target.startsWith('.') && target.endsWith('.js'));
    return local.map((target) => fileOf(join(path, '..', target)));
  }
});

describe('the limits', () => {
  for (const folder of LIMITED_FOLDERS) {
    test(`no file of ${folder} is longer than ${MAX_LINES} lines`, () => {
      const isWritten = (path) => SOURCE.test(path) && basename(path) !== 'package-lock.json';
      const files = filesIn(folder, '').filter(isWritten);
      assert.ok(files.length > 0);
      const lengths = files.map((path) => [path, linesOf(path)]);
      assert.deepEqual(
        lengths.filter(([, lines]) => lines > MAX_LINES),
        [],
      );
    });
  }

  test(`src/addon has at most ${MAX_ADDON_LINES} lines altogether`, () => {
    const lines = filesIn('src/addon', '.rs').map(linesOf);
    const sum = lines.reduce((total, length) => total + length, 0);
    assert.ok(sum <= MAX_ADDON_LINES, `${sum} lines`);
  });

  test(`a framework’s entry point has at most ${MAX_FRAMEWORK_LINES} lines without its JSDoc`, () => {
    for (const path of ['express', 'fastify', 'koa', 'nestjs', 'node', 'web', 'ws'].map((name) => `npm/${name}.js`)) {
      const lines = withoutDocuments(read(path)).split('\n').filter(Boolean).length;
      assert.ok(lines <= MAX_FRAMEWORK_LINES, `${path}: ${lines} lines`);
    }
  });
});

test('the parsers of this file find what they look for', () => {
  assert.deepEqual(modulesIn(code('pub mod a;\nmod b;\n// mod c;\npub mod d_e;\n#[cfg(test)]\nmod tests;')), [
    'a',
    'b',
    'd_e',
  ]);
  assert.deepEqual(usesIn('use super::a::B;\nuse crate::engine::{c::D, e};\nlet x = super::f::g();'), [
    'a',
    'c',
    'e',
    'f',
  ]);
  assert.deepEqual(usesIn(code('// super::a\nuse super::b;\n#[cfg(test)]\nmod tests { use super::c; }')), ['b']);
  assert.deepEqual(partsIn('#[path = "a_b.rs"]\nmod b;'), ['a_b.rs']);
  assert.deepEqual(importsIn("import a from './a.js';\nexport * from \"b\";\nrequire('./c.js');\nimport('./d.js')"), [
    './a.js',
    'b',
    './c.js',
    './d.js',
  ]);
  assert.deepEqual(
    importsIn("/** @import { A } from './a.js' */\nrequire('./b.js');\n/** @type {import('./c.js')} */"),
    ['./b.js'],
  );
});

function modulesIn(source) {
  return [...source.matchAll(/^(?:pub )?mod (\w+);/gm)].map(([, name]) => name);
}

/** The engine's modules that a source file names by path. */
function usesIn(source) {
  const paths = [...source.matchAll(/\b(?:super|crate::engine)::(\w+|\{[^;]*\})/g)].map(([, path]) => path);
  return paths.flatMap((path) => (path.startsWith('{') ? path.slice(1, -1).split(',').map(firstWord) : path));
}

const firstWord = (text) => text.trim().split('::')[0];

function partsIn(source) {
  return [...source.matchAll(/#\[path = "(\w+\.rs)"\]/g)].map(([, name]) => name);
}

/** The imports of JavaScript code. Comments name types only, which are imported by nothing at run time. */
function importsIn(source) {
  const forms = /(?:\bfrom |\brequire\(|\bimport\(|^import )(['"])(.+?)\1/gm;
  return [...withoutDocuments(source).matchAll(forms)].map(([, , target]) => target);
}

/** JavaScript code without JSDoc, in which the types are. */
function withoutDocuments(source) {
  return source.replace(/\/\*\*[^]*?\*\//g, '');
}

/** Rust code without comments, and without tests, which are at the end of a file. */
function code(source) {
  return source.split(/^#\[cfg\(test\)\]/m)[0].replace(/\/\/.*$/gm, '');
}

function filesIn(folder, ending) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return NOT_WRITTEN_HERE.includes(entry.name) ? [] : filesIn(path, ending);
    return path.endsWith(ending) ? [path] : [];
  });
}

function linesOf(path) {
  return read(path).replace(/\n$/, '').split('\n').length;
}

function read(path) {
  return readFileSync(join(root, path), 'utf8');
}
