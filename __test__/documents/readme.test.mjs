// Do README.md and SECURITY.md match the package?
//
// README.md is compared with the entry points, the compiled examples and package.json. SECURITY.md is compared with
// the tests and constants that it names. The other tests of documents are in `documents/`.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { DOCS, ROOT, all, blocksOf, read, unique } from '../support/documents.mjs';
import { shimWords } from '../support/shim-reasons.mjs';

const require = createRequire(import.meta.url);
const native = require('../../npm/native/load.js');
const { FAILURES, Failure } = require('../../npm/errors/errors.js');
const { NO_TOKEN, RESOLVER_FAILED, Responses, responseTo } = require('../../npm/protect/response.js');
const { MonoCloudBackendNodeClient, MonoCloudOidcBackendClient } = require('../../npm/index.js');
const manifest = require('../../package.json');

const readme = read('README.md');

describe('README.md', () => {
  test('has at most 200 lines', () => {
    assert.ok(readme.trimEnd().split('\n').length <= 200);
  });

  test('has the examples for Express and Fastify as they are compiled', () => {
    const blocks = blocksOf(readme).filter(({ language }) => language === 'ts');
    for (const name of ['express', 'fastify']) {
      const compiled = read(`__test__/types/examples/${name}.ts`).replace(/^(?:\/\/.*\n)+/, '');
      assert.ok(
        blocks.some(({ text }) => text === compiled),
        name,
      );
    }
  });

  test('names ten options that there are, with the defaults of the whole table', () => {
    const [, table] = /^## Options$(.*?)^## /ms.exec(readme);
    const rows = [...table.matchAll(/^\| `([\w.]+)` \| ([^|]+) \|/gm)].map(([, name, byDefault]) => ({
      name,
      byDefault,
    }));
    const known = new Map(native.options().map((row) => [row.name, row.default]));
    assert.deepEqual(
      rows.filter(({ name, byDefault }) => (known.get(name) ?? 'none') !== byDefault),
      [],
    );
    assert.deepEqual(
      rows.filter(({ name }) => !known.has(name)).map(({ name }) => name),
      ['cache', 'revocation'],
    );
    assert.equal(rows.length, 10);
  });

  test('names variables that there are', () => {
    const known = native.options().map(({ variable }) => variable);
    assert.deepEqual(
      all(readme, /(MONOCLOUD_BACKEND_\w+)/g).filter((name) => !known.includes(name)),
      [],
    );
  });

  test('has no table of the bench, no list of reasons, and no words in capitals about results', () => {
    assert.doesNotMatch(readme, /\bFAIL\b/);
    assert.deepEqual(
      native.failures().filter(({ reason }) => readme.includes(`\`${reason}\``)),
      [],
    );
  });
});

describe('the table of responses', () => {
  const [, table] = /^## Responses$(.*?)^## /ms.exec(readme);
  const rows = table
    .split('\n')
    .filter((line) => /^\| .* \d{3} /.test(line))
    .map(rowOf);
  const withDpop = new Responses({ algorithms: 'ES256 EdDSA' });
  const http = (status) => new Failure(FAILURES.unexpected_status.spec, { status });
  const answers = {
    'no token': [NO_TOKEN],
    'rejected token, or a misconfigured client': [
      responseTo(FAILURES.expired, []),
      responseTo(FAILURES.client_id_required, []),
    ],
    'the user must sign in again ([step-up](docs/validation.md#step-up-authentication))': [
      'acr_missing',
      'auth_time_invalid',
    ].map((reason) => new Responses().to(FAILURES[reason], { scopes: [], acr: ['a', 'b'], maxAge: 5 })),
    'rejected or missing proof of a [DPoP](docs/dpop.md) token': ['dpop_proof_missing', 'dpop_replayed'].map((reason) =>
      withDpop.to(FAILURES[reason], {}, { __proto__: null, scheme: 'dpop' }),
    ),
    'DPoP proof without a nonce, if the API asks for one': [
      withDpop.to(FAILURES.dpop_nonce_missing, {}, { __proto__: null, scheme: 'dpop', nonce: 'n' }),
    ],
    'a resolver fails': [RESOLVER_FAILED],
    'missing scopes': [responseTo(FAILURES.scope_missing, ['a'])],
    'missing groups, permissions or roles, or another value of a claim': [
      'group_missing',
      'permission_missing',
      'role_missing',
      'claim_mismatch',
    ].map((reason) => responseTo(FAILURES[reason], ['a'])),
    '[`authorize`](docs/responses.md#rules-of-your-own) does not return `true`': [
      responseTo(FAILURES.authorize_refused, ['a']),
      responseTo(FAILURES.authorize_failed, ['a']),
    ],
    'the authorization server is unreachable, overloaded or broken': [
      ...['connection_refused', 'timed_out', 'body_invalid'].map((reason) => responseTo(FAILURES[reason], [])),
      ...[429, 500, 503].map((status) => responseTo(http(status), [])),
    ],
    "the authorization server rejects this API's own request": [responseTo(FAILURES.client_refused, [])],
  };

  test('has a row for each response', () => {
    assert.deepEqual(
      rows.map(({ situation }) => situation),
      Object.keys(answers),
    );
  });

  for (const { situation, status, body, challenge } of rows) {
    test(`says what is sent: ${situation}`, () => {
      for (const answer of answers[situation]) {
        assert.equal(answer.status, status);
        assert.deepEqual(JSON.parse(answer.text), body);
        const sent = answer.headers['WWW-Authenticate']?.replaceAll(
          /(error_description|scope|acr_values|max_age|algs)="[^"]*"/g,
          '$1="…"',
        );
        assert.equal(sent, challenge);
      }
    });
  }

  test('has Retry-After and DPoP-Nonce where they are sent, and only there', () => {
    for (const { situation, more } of rows) {
      for (const { headers } of answers[situation]) {
        for (const name of ['Retry-After', 'DPoP-Nonce']) assert.equal(name in headers, more.includes(name), situation);
      }
    }
  });

  function rowOf(line) {
    const [, situation, status, body, more, challenge] = /^\| (.+?) \| (\d{3}) `(.+?)`(.*?) \| (.+?) \|$/.exec(line);
    return {
      situation,
      status: Number(status),
      body: JSON.parse(body),
      more,
      challenge: challenge === 'none' ? undefined : challenge.replaceAll('`', ''),
    };
  }
});

describe('the documents name', () => {
  const docs = DOCS.map(read).join('\n');

  test('every method of the clients', () => {
    const methods = [...Object.getOwnPropertyNames(MonoCloudOidcBackendClient.prototype), 'decodeJwt'];
    const page = read('docs/frameworks.md');
    assert.deepEqual(
      methods.filter((name) => name !== 'constructor' && !page.includes(`\`${name}(`)),
      [],
    );
    assert.equal(Object.getOwnPropertyNames(MonoCloudBackendNodeClient.prototype).length, 1);
  });

  test('every event, and no other', () => {
    const published = all(read('npm/client/events.js'), /channel\('([\w:.]+)'\)/g);
    assert.ok(published.length > 0);
    assert.deepEqual(all(read('docs/observability.md'), /^\| `(monocloud:[\w:.]+)`/gm).sort(), published.sort());
  });

  test('everything that ./utils, ./internal, ./cache and ./certificates export', () => {
    for (const subpath of ['utils', 'internal', 'cache', 'certificates']) {
      const names = Object.keys(require(`../../npm/${subpath}.js`));
      assert.deepEqual(
        names.filter((name) => !new RegExp(`\`${name}\\b`).test(docs)),
        [],
        subpath,
      );
    }
  });

  test('every platform that has a package', () => {
    const { PLATFORMS } = require('../../npm/native/platform.js');
    const page = read('docs/platforms.md');
    assert.deepEqual(
      PLATFORMS.filter((name) => !page.includes(`\`${name}\``)),
      [],
    );
  });
});

test('MonoCloudReason of errors.d.ts is every reason of the engine and of JavaScript, and no other', () => {
  const [, union] = /export type MonoCloudReason =([^;]*);/.exec(read('npm/types/errors.d.ts'));
  const engine = native.failures().map(({ reason }) => reason);
  assert.deepEqual(all(union, /^\s+\| '(\w+)'/gm).sort(), [...engine, ...shimWords].sort());
});

test('the types have every option, and name no variable that does not exist', () => {
  const types = read('npm/types/options.d.ts') + read('npm/types/dpop.d.ts');
  const names = [
    ...native.options().map(({ name }) => name),
    'cache',
    'revocation',
    'fetcher',
    'metadataResolver',
    'jwksResolver',
  ];
  for (const name of names) assert.match(types, new RegExp(`^ {2}${name.split('.').at(-1)}\\??:`, 'm'), name);
  const named = unique(all(types, /(MONOCLOUD_BACKEND_[A-Z_]*[A-Z])/g));
  assert.deepEqual(
    named,
    native
      .options()
      .map(({ variable }) => variable)
      .sort(),
  );
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
      const source = existsSync(`${ROOT}${path}`) ? read(path) : '';
      const missing = all(names, /"([^"]+)"/g).filter((name) => !source.includes(name));
      assert.deepEqual(missing, [], path);
    }
  });

  test('names limits as they stand in the code', () => {
    const limits = [...security.matchAll(/`((?:src|npm)\/[\w/-]+\.(?:rs|js))` `([A-Z_]+(?:: [\w:<>]+)? = [^`]+)`/g)];
    assert.ok(limits.length > 20);
    for (const [, path, limit] of limits) assert.ok(read(path).includes(`const ${limit};`), `${path}: ${limit}`);
  });

  test('names each limit once', () => {
    const names = all(security, /`((?:src|npm)\/[\w/-]+\.(?:rs|js)` `[A-Z_]+)/g);
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    );
  });

  test('prints each limit as large as it is in the code', () => {
    const rows = security.split('\n').filter((line) => /^\| [^|]+ \| [^|]+ \| `(?:src|npm)\//.test(line));
    assert.ok(rows.length > 20);
    const wrong = rows.flatMap((row) => {
      const [, what, limit, code] = row.split(' | ').length === 3 ? /^\| (.*?) \| (.*?) \| (.*) \|$/.exec(row) : [];
      return all(code ?? '', /`[A-Z_]+(?:: [^=`]+)? = ([^`]+)`/g)
        .filter(
          (value) => !spellings(value).some((spelling) => new RegExp(`(?<![\\d,.])${spelling}(?![\\d])`).test(limit)),
        )
        .map((value) => `${what}: ${limit} is not ${value}`);
    });
    assert.deepEqual(wrong, []);
  });

  /** How a constant may be printed: 16 * 1024 as 16 KiB, 300 seconds as 5 minutes. */
  function spellings(value) {
    const seconds = Number(/from_secs\((\d+)\)/.exec(value)?.[1] ?? NaN);
    const milliseconds = Number(/from_millis\((\d+)\)/.exec(value)?.[1] ?? NaN);
    if (!Number.isNaN(seconds)) return timesOf(seconds);
    if (!Number.isNaN(milliseconds))
      return [`${milliseconds} ms`, ...timesOf(milliseconds / 1000), ...rateOf(milliseconds)];
    const [, from, to] = /^(\d+)\.\.=(\d+)$/.exec(value) ?? [];
    if (from !== undefined) return [`${from} to ${to}`];
    const product = /(\d[\d_.]*(?: \* \d[\d_.]*)*)/.exec(value)?.[1] ?? '';
    const number = product.split(' * ').reduce((total, factor) => total * Number(factor.replaceAll('_', '')), 1);
    return [
      `${number}`,
      number.toLocaleString('en'),
      ...[
        ['KiB', 1024],
        ['MiB', 1024 ** 2],
        ['GiB', 1024 ** 3],
      ].map(([unit, size]) => `${number / size} ${unit}`),
      ...({ 2: ['half'], 8: ['eighth'] }[number] ?? []),
      ...timesOf(number),
      ...timesOf(number / 1000),
    ];
  }

  /** A pause as a rate: 200 ms is five per second. */
  function rateOf(milliseconds) {
    return [`${['', 'one', 'two', 'three', 'four', 'five'][1000 / milliseconds] ?? 1000 / milliseconds} per second`];
  }

  function timesOf(seconds) {
    const least = seconds === 1 ? ['one (?:per|a) second', '1 (?:to \\d+ )?s'] : [];
    return [
      `${seconds} s`,
      `${seconds} seconds`,
      `${seconds / 60} minutes`,
      `${seconds / 3600} h`,
      `${seconds / (365 * 86_400)} years`,
      `to ${seconds} s`,
      ...least,
    ];
  }
});

test('CHANGELOG.md has a section for the version in package.json', () => {
  assert.match(read('CHANGELOG.md'), new RegExp(`^## \\[${manifest.version.replaceAll('.', '\\.')}\\]`, 'm'));
});
