// Are the generated parts of the documents current and complete?

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, test } from 'node:test';

import { buildApi, contentOf } from '../../scripts/docs/api.mjs';
import { pages } from '../../scripts/docs/pages.mjs';
import { SHIM_REASONS } from '../../scripts/docs/tables.mjs';
import { ROOT, all, read, unique } from '../support/documents.mjs';

const require = createRequire(import.meta.url);
const native = require('../../npm/native/load.js');
const { shimWords } = await import('../support/shim-reasons.mjs');

describe('a generated table', () => {
  test('is current in every page (npm run docs)', () => {
    const stale = pages().filter(({ text, current }) => text !== current);
    assert.deepEqual(
      stale.map(({ path }) => relative(ROOT, path)),
      [],
    );
  });

  test('of options has each option of the engine once, with its variable, values, default and meaning', () => {
    const rows = native.options();
    assert.ok(rows.length > 15);
    const page = read('docs/configuration.md').split('\n');
    for (const { name, variable, values, default: byDefault, description } of rows) {
      const row = `| \`${name}\` | \`${variable}\` | ${values} | ${byDefault} | ${description} |`;
      assert.deepEqual(
        page.filter((line) => line.startsWith(`| \`${name}\` | \`MONOCLOUD_`)),
        [row],
      );
    }
  });

  test('of options names the functions and the cache, without a variable', () => {
    const own = all(read('docs/configuration.md'), /^\| `([\w.]+)` \| none \|/gm);
    assert.deepEqual(own, [
      'cache',
      'fetcher',
      'metadataResolver',
      'jwksResolver',
      'dpop.replayStore',
      'dpop.replayStoreFailure',
      'revocation.store',
      'revocation.kinds',
      'revocation.onFailure',
      'revocation.requireIat',
    ]);
  });

  test('of reasons has each reason once, below its class and code, with what to do', () => {
    const expected = [
      ...native.failures().map(({ reason, name, code }) => ({ reason, name, code })),
      ...shimWords.map((reason) => ({ reason, name: 'MonoCloudValidationError', code: null })),
    ];
    assert.ok(expected.length > 40);
    assert.deepEqual(sorted(reasonRows(read('docs/errors.md'))), sorted(expected));
  });

  test('of reasons has the reasons that JavaScript gives, and no other', () => {
    assert.ok(shimWords.length >= 7);
    assert.deepEqual(Object.keys(SHIM_REASONS).sort(), shimWords);
  });

  test('of limits has a row for each row of SECURITY.md', () => {
    const [, rows] = /^\| what \| limit \| in the code \|\n\|[-|]+\|\n(.*?)^$/ms.exec(read('SECURITY.md'));
    const limits = all(read('docs/limits.md'), /^\| (.+?) \|/gm).slice(1);
    assert.deepEqual(limits, all(rows, /^\| (.+?) \|/gm));
  });

  /** `{ reason, name, code }` of each row whose last cell is filled. */
  function reasonRows(text) {
    let group;
    return text.split('\n').flatMap((line) => {
      const [, name, code = null] = /^### `(MonoCloud\w+)`(?:, code `(\w+)`)?/.exec(line) ?? [];
      if (name !== undefined) group = { name, code };
      const [, reason] = /^\| `(\w+)` \| [^|]+ \| [^|]*\| [^|]+\. \|$/.exec(line.replace('? |', '. |')) ?? [];
      return reason === undefined || group === undefined ? [] : [{ reason, ...group }];
    });
  }
});

describe('the API reference', () => {
  test('is built without a warning, and is current (npm run docs)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'monocloud-api-'));
    try {
      const { isClean, output } = buildApi(folder);
      assert.ok(isClean, output);
      assert.deepEqual(contentOf(join(ROOT, 'docs', 'api')), contentOf(folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('has a page for every module that package.json exports', () => {
    const modules = Object.keys(require('../../package.json').exports)
      .filter((subpath) => subpath !== './package.json')
      .map((subpath) => ({ '.': 'index', './internal': 'utils/internal' })[subpath] ?? subpath.slice(2));
    const built = [...contentOf(join(ROOT, 'docs', 'api')).keys()].map((name) => name.replace(/\.md$/, ''));
    assert.deepEqual(unique(built), unique([...modules, 'README']));
  });
});

function sorted(rows) {
  return [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
