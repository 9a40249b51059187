// Can a reader use the documents: their links, their code, their words?

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dirname, normalize } from 'node:path/posix';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import {
  DOCS,
  DOCUMENTS,
  FOR_USERS,
  ROOT,
  all,
  anchorsOf,
  blocksOf,
  proseOf,
  read,
  unique,
} from '../support/documents.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const require = createRequire(import.meta.url);
const manifest = require('../../package.json');
const api = readdirSync(join(ROOT, 'docs', 'api'), { recursive: true })
  .map((name) => `docs/api/${String(name).replaceAll('\\', '/')}`)
  .filter((name) => name.endsWith('.md'));

/** Words that only insiders know, and metaphors. DESIGN.md and CONTRIBUTING.md use the field's words too. */
const PRIVATE_WORDS =
  /\b(?:house|rooms?|walls?|papers?|moods?|fuses?|rubbish|misfortunes?|riddles?|takes? for|taken for|speaks? for|says? for itself|look-alikes?|hardly)\b/i;

for (const document of [...DOCUMENTS, ...api]) {
  test(`${document} links files and headings that exist`, () => {
    const text = read(document);
    const links = unique([
      ...all(text.replaceAll(/^```.*?^```$/gms, ''), /\]\(([^)\s]+)\)/g),
      ...all(text, /(?:src|href)="([^"]+)"/g),
    ]);
    const gone = links
      .filter((link) => !/^(?:https?|mailto):/.test(link))
      .filter((link) => {
        const [path, anchor] = link.split('#');
        const target = path === '' ? document : normalize(join(dirname(document), path).replaceAll('\\', '/'));
        if (!existsSync(join(ROOT, target))) return true;
        return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
      });
    assert.deepEqual(gone, []);
  });
}

for (const document of DOCUMENTS) {
  describe(document, () => {
    const text = read(document);

    test('names scripts that npm can run', () => {
      const gone = unique(all(text, /npm run ([\w:]+)/g)).filter((name) => {
        const [, file] = /^node (\S+\.m?js)/.exec(manifest.scripts[name] ?? '') ?? [];
        return file === undefined || !existsSync(join(ROOT, file));
      });
      assert.deepEqual(gone, []);
    });

    test('names source files that exist', () => {
      const paths = unique(all(text, /`((?:__test__|src|npm|scripts|tests|bench|demo|fuzz)\/[\w./-]+\.\w+)`/g));
      assert.deepEqual(
        paths.filter((path) => !path.includes('X.') && !existsSync(join(ROOT, path))),
        [],
      );
    });

    test('uses the words of the field', () => {
      const lines = proseOf(text)
        .split('\n')
        .filter((line) => PRIVATE_WORDS.test(line));
      assert.deepEqual(lines, []);
    });

    test('cites no document that readers do not have', () => {
      assert.doesNotMatch(text, /\bcontract,? (?:section )?\d/i);
      assert.doesNotMatch(text, /\.\.\/shared/);
    });
  });
}

describe('a page of docs/', () => {
  const pages = DOCS.filter((page) => page !== 'docs/migration.md');

  for (const page of pages) {
    const [title, ...paragraphs] = read(page).split(/\n\n/);

    test(`${page} opens with the question that it answers`, () => {
      assert.match(title, /^# \S/);
      assert.match(paragraphs[0], /^[A-Z].*\?$/);
    });

    test(`${page} is at most two screens long, without its tables`, () => {
      const lines = read(page)
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('|'));
      assert.ok(lines.length <= 110, `${lines.length} lines`);
    });
  }

  test('is linked from the README', () => {
    const readme = read('README.md');
    assert.deepEqual(
      DOCS.filter((page) => !readme.includes(`](${page}`)),
      [],
    );
  });
});

describe('the code of the documents', () => {
  const samples = FOR_USERS.filter((page) => page !== 'docs/migration.md').flatMap((page) =>
    blocksOf(read(page)).map((block, index) => ({ ...block, name: `${page}, block ${index + 1}` })),
  );
  const scripts = samples.filter(({ language }) => language === 'js');

  test('imports from subpaths that package.json exports', () => {
    const subpaths = samples.flatMap(({ text }) => all(text, /'@monocloud\/backend-node((?:\/[\w-]+)?)'/g));
    assert.ok(subpaths.length >= 15);
    assert.deepEqual(
      subpaths.filter((subpath) => !(`.${subpath}` in manifest.exports)),
      [],
    );
  });

  test('imports names that are exported there', async () => {
    const imports = samples.flatMap(({ text }) => [...text.matchAll(/import \{([^}]*)\} from '(@monocloud[^']+)'/g)]);
    assert.ok(imports.length >= 15);
    for (const [, names, from] of imports) {
      const values = names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name && !name.startsWith('type '));
      const module = await import(from);
      assert.deepEqual(
        values.filter((name) => !(name in module)),
        [],
        from,
      );
    }
  });

  describe('in JavaScript', () => {
    let issuer;
    let folder;
    before(async () => {
      issuer = await startIssuer();
      folder = mkdtempSync(join(tmpdir(), 'monocloud-docs-'));
      mkdirSync(join(folder, 'node_modules', '@monocloud'), { recursive: true });
      symlinkSync(ROOT, join(folder, 'node_modules', '@monocloud', 'backend-node'), 'junction');
      mkdirSync(join(folder, 'node_modules', '@hono'));
      mkdirSync(join(folder, 'node_modules', '@modelcontextprotocol'));
      mkdirSync(join(folder, 'node_modules', '@trpc'));
      mkdirSync(join(folder, 'node_modules', '@grpc'));
      const frameworks = ['express', 'fastify', 'koa', 'hono', '@hono/node-server', 'h3', 'ws', 'socket.io'];
      const more = ['@trpc/server', 'graphql-yoga', '@grpc/grpc-js', 'serverless-http'];
      for (const name of [...frameworks, ...more, '@modelcontextprotocol/sdk', '@modelcontextprotocol/server']) {
        symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
      }
    });
    after(async () => {
      rmSync(folder, { recursive: true, force: true });
      await issuer.close();
    });

    test('is JavaScript', () => {
      assert.ok(scripts.length > 10);
      for (const { name, text } of scripts) {
        const options = { input: text, encoding: 'utf8' };
        const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--check'], options);
        assert.equal(status, 0, `${name}\n${stderr}`);
      }
    });

    // Without a Redis server, only the tests above check this block.
    for (const { name, text } of scripts.filter((script) => !script.text.includes("from 'redis'"))) {
      test(`runs: ${name}`, async () => {
        const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.mjs`);
        const source = text.replaceAll(/\blisten\(3000\)/g, 'listen(0)').replaceAll('port: 3000', 'port: 0');
        writeFileSync(file, `${source}\nprocess.exit(0);\n`);
        const { stderr } = await promisify(execFile)(process.execPath, [file], { cwd: folder, env: environment() });
        assert.doesNotMatch(stderr, /Error/);
      });
    }

    function environment() {
      return {
        PATH: process.env.PATH,
        NO_PROXY: '*',
        SESSION_SECRET: 'a secret of the tests',
        MONOCLOUD_BACKEND_TENANT_DOMAIN: issuer.issuer,
        MONOCLOUD_BACKEND_AUDIENCE: AUDIENCE,
        MONOCLOUD_BACKEND_CLIENT_ID: 'api-client',
        MONOCLOUD_BACKEND_CLIENT_SECRET: 'a client secret of the tests',
      };
    }
  });
});
