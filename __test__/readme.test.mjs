// Do the papers say what the package does?
//
// README.md is held against the engine's own tables (failures, options), the
// shims and package.json; SECURITY.md against the tests and constants it names;
// all of them against the files they link.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

const root = new URL('../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const require = createRequire(import.meta.url);
const native = require('../npm/native.js');
const { FAILURES } = require('../npm/errors.js');
const { replyTo } = require('../npm/reply.js');
const { MonoCloudBackendNodeClient, MonoCloudOidcBackendClient } = require('../npm/index.js');
const manifest = require('../package.json');

const PAPERS = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];
const readme = read('README.md');
const shims = readdirSync(new URL('npm', root)).filter((name) => name.endsWith('.js'));

/** Words that shims give to errors which are not the engine's. */
const shimWords = unique(
  shims
    .map((name) => read(`npm/${name}`))
    .flatMap((source) => [
      ...all(source, /Error\([^;]*?,\s*'(\w+)',?\s*\)/g),
      ...all(source, /'((?:[a-z]+_)+(?:invalid|expired))'/g),
    ])
    .filter((word) => FAILURES[word] === undefined),
);

describe('the reasons of README.md', () => {
  const rows = reasonRows();

  test('are every failure of the engine, once, with its class, its code and its answer', () => {
    const expected = native.failures().map(({ reason, name, code }) => {
      return { reason, name, code, status: replyTo(FAILURES[reason], []).status };
    });
    assert.ok(expected.length > 40);
    const words = new Set(expected.map(({ reason }) => reason));
    const known = rows.filter(({ reason }) => words.has(reason));
    assert.deepEqual(sorted(known), sorted(expected));
  });

  test('are, beyond these, the words that the shims give', () => {
    assert.ok(shimWords.length >= 7);
    const own = rows.filter(({ reason }) => FAILURES[reason] === undefined);
    assert.deepEqual(own.map(({ reason }) => reason).sort(), shimWords);
    assert.ok(own.every(({ name }) => name === 'MonoCloudValidationError'));
  });

  test('are read by this file from the tables below their class, also two from one row', () => {
    const rowsOf = (text) => reasonRows(`## Errors\n${text}\n## Caches`);
    const head = '**`MonoCloudTokenError`, code `invalid_token`**: answers 401.\n| reason | rule |\n|---|---|\n';
    const invalid = { name: 'MonoCloudTokenError', code: 'invalid_token', status: 401 };
    assert.deepEqual(rowsOf(`${head}| \`a\`, \`b\` | \`c\` |`), [
      { reason: 'a', ...invalid },
      { reason: 'b', ...invalid },
    ]);
    assert.deepEqual(rowsOf('**`MonoCloudTokenError`**\n| `a` | `x_y` | 403 | rule |'), [
      { reason: 'a', name: 'MonoCloudTokenError', code: 'x_y', status: 403 },
    ]);
  });

  /** `{ reason, name, code, status }` of each word in the tables of the section on errors. */
  function reasonRows(text = readme) {
    const section = text.slice(text.indexOf('## Errors\n'), text.indexOf('## Caches'));
    let group;
    return section.split('\n').flatMap((line) => {
      const [, name, code] = /^\*\*`(MonoCloud\w+)`(?:, code `(\w+)`)?/.exec(line) ?? [];
      if (name !== undefined) group = { name, code: code ?? null, status: Number(/answers (\d{3})/.exec(line)?.[1]) };
      const [, first = '', second = '', third] = /^\| (`[^|]+) \| ([^|]*) \|(?: (\d{3}) \|)?/.exec(line) ?? [];
      const own = third === undefined ? {} : { code: second.replaceAll('`', ''), status: Number(third) };
      return all(first, /`(\w+)`/g).map((reason) => ({ reason, ...group, ...own }));
    });
  }
});

test('MonoCloudReason of errors.d.ts is every word of the engine and of the shims, and no other', () => {
  const [, union] = /export type MonoCloudReason =([^;]*);/.exec(read('npm/types/errors.d.ts'));
  const engine = native.failures().map(({ reason }) => reason);
  assert.deepEqual(all(union, /^\s+\| '(\w+)'/gm).sort(), [...engine, ...shimWords].sort());
});

describe('the options of README.md', () => {
  const rows = readme.split('\n').flatMap((line) => {
    const [, name, variable] = /^\| `([\w.]+)` \| (?:`(MONOCLOUD_BACKEND_\w+)`|–) \|/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, variable }];
  });

  test('are those of the engine, each with its variable', () => {
    const expected = native.options().map(({ name, variable }) => ({ name, variable }));
    assert.ok(expected.length > 15);
    assert.deepEqual(sorted(rows.filter(({ variable }) => variable)), sorted(expected));
  });

  test('are, without a variable, the functions and the cache', () => {
    const own = rows.filter(({ variable }) => !variable).map(({ name }) => name);
    assert.deepEqual(own, ['cache', 'fetcher', 'metadataResolver', 'jwksResolver']);
  });

  test('are each in options.d.ts, which names no variable that there is not', () => {
    const types = read('npm/types/options.d.ts');
    for (const { name } of rows) assert.match(types, new RegExp(`^ {2}${name.split('.').at(-1)}\\??:`, 'm'), name);
    const named = unique(all(types, /(MONOCLOUD_BACKEND_[A-Z_]*[A-Z])/g));
    assert.deepEqual(named, native.options().map(({ variable }) => variable).sort());
  });
});

describe('README.md names', () => {
  test('every method of the clients', () => {
    const methods = [...Object.getOwnPropertyNames(MonoCloudOidcBackendClient.prototype), 'decodeJwt'];
    const missing = methods.filter((name) => name !== 'constructor' && !readme.includes(`\`${name}(`));
    assert.deepEqual(missing, []);
    assert.equal(Object.getOwnPropertyNames(MonoCloudBackendNodeClient.prototype).length, 1);
  });

  test('every event, and no other', () => {
    const published = all(read('npm/events.js'), /channel\('([\w:.]+)'\)/g);
    assert.ok(published.length > 0);
    assert.deepEqual(all(readme, /^\| `(monocloud:[\w:.]+)`/gm).sort(), published.sort());
  });

  test('everything that ./utils, ./internal, ./cache and ./certificates export', () => {
    for (const subpath of ['utils', 'internal', 'cache', 'certificates']) {
      const names = Object.keys(require(`../npm/${subpath}.js`));
      assert.deepEqual(names.filter((name) => !new RegExp(`\`${name}\\b`).test(readme)), [], subpath);
    }
  });

  test('every platform that has a package', () => {
    const { PLATFORMS } = require('../npm/platform.js');
    const [, table] = /^## Platforms$(.*?)^## /ms.exec(readme);
    assert.deepEqual(PLATFORMS.filter((name) => !table.includes(`\`${name}\``)), []);
  });
});

describe('the code in README.md', () => {
  const blocks = [...readme.matchAll(/^```(js|ts)\n(.*?)^```$/gms)].map(([, language, text]) => ({ language, text }));

  test("has the documents' examples as they are compiled", () => {
    for (const name of ['express', 'fastify']) {
      const compiled = read(`__test__/types/examples/${name}.ts`).replace(/^(?:\/\/.*\n)+/, '');
      assert.ok(blocks.some(({ language, text }) => language === 'ts' && text === compiled), name);
    }
  });

  test('imports from subpaths that package.json exports', () => {
    const subpaths = all(readme, /'@monocloud\/backend-node((?:\/[\w-]+)?)'/g);
    assert.ok(subpaths.length >= 5);
    assert.deepEqual(subpaths.filter((subpath) => !(`.${subpath}` in manifest.exports)), []);
  });

  test('imports names that are exported there', async () => {
    const imports = blocks.flatMap(({ text }) => [...text.matchAll(/import \{([^}]*)\} from '(@monocloud[^']+)'/g)]);
    assert.ok(imports.length >= 5);
    for (const [, names, from] of imports) {
      const values = names.split(',').map((name) => name.trim()).filter((name) => name && !name.startsWith('type '));
      const module = await import(from);
      assert.deepEqual(values.filter((name) => !(name in module)), [], from);
    }
  });

  test('is JavaScript where it says so', () => {
    const scriptsOf = blocks.filter(({ language }) => language === 'js');
    assert.ok(scriptsOf.length > 0);
    for (const { text } of scriptsOf) {
      const options = { input: text, encoding: 'utf8' };
      const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--check'], options);
      assert.equal(status, 0, stderr);
    }
  });
});

describe('SECURITY.md', () => {
  const security = read('SECURITY.md');

  test('names tests that exist', () => {
    const [, table] = /^\| promise \| held by \|$(.*?)^$/ms.exec(security);
    const files = [...table.matchAll(/`((?:__test__|src|tests)\/[\w./-]+)` ((?:"[^"]+"(?:, )?)+)/g)];
    assert.equal(files.length, all(table, /`((?:__test__|src|tests)\/[^`]+)`/g).length, 'each file with its tests');
    const promises = table.trim().split('\n').slice(1);
    assert.ok(promises.length > 20);
    for (const line of promises) assert.match(line, /`(?:__test__|src|tests)\//, 'each promise with its test');
    for (const [, path, names] of files) {
      const source = existsSync(new URL(path, root)) ? read(path) : '';
      const missing = all(names, /"([^"]+)"/g).filter((name) => !source.includes(name));
      assert.deepEqual(missing, [], path);
    }
  });

  test('names limits as they stand in the code', () => {
    const limits = [...security.matchAll(/`((?:src|npm)\/[\w/-]+\.(?:rs|js))` `([A-Z_]+(?:: [\w:<>]+)? = [^`]+)`/g)];
    assert.ok(limits.length > 20);
    for (const [, path, limit] of limits) assert.ok(read(path).includes(`const ${limit};`), `${path}: ${limit}`);
  });
});

for (const paper of PAPERS) {
  describe(paper, () => {
    const text = read(paper);

    test('links files and headings that are there', () => {
      const links = unique([...all(text, /\]\(([^)\s]+)\)/g), ...all(text, /(?:src|href)="([^"]+)"/g)]);
      const gone = links.filter((link) => !/^https?:/.test(link)).filter((link) => {
        const [path, heading] = link.split('#');
        if (path !== '' && !existsSync(new URL(path, root))) return true;
        return heading !== undefined && !headingsOf(path === '' ? text : read(path)).includes(heading);
      });
      assert.deepEqual(gone, []);
    });

    test('names scripts that npm can run', () => {
      const names = unique(all(text, /npm run ([\w:]+)/g));
      const gone = names.filter((name) => {
        const [, file] = /^node (\S+\.m?js)/.exec(manifest.scripts[name] ?? '') ?? [];
        return file === undefined || !existsSync(new URL(file, root));
      });
      assert.deepEqual(gone, []);
    });

    test('names source files that are there', () => {
      const paths = unique(all(text, /`((?:__test__|src|npm|scripts|tests|bench|demo)\/[\w./-]+\.\w+)`/g));
      assert.deepEqual(paths.filter((path) => !path.includes('X.') && !existsSync(new URL(path, root))), []);
    });
  });
}

test('CHANGELOG.md has a section for the version in package.json', () => {
  assert.match(read('CHANGELOG.md'), new RegExp(`^## \\[${manifest.version.replaceAll('.', '\\.')}\\]`, 'm'));
});

/** Headings as GitHub links them. */
function headingsOf(text) {
  return all(text, /^#+ (.+)$/gm).map((heading) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'),
  );
}

function all(text, pattern) {
  return [...text.matchAll(pattern)].map(([, group]) => group);
}

function unique(items) {
  return [...new Set(items)].sort();
}

function sorted(rows) {
  return [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
