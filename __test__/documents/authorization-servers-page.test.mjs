// Does docs/authorization-servers.md name the servers that are tried here, and can a client be made of its options?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileFunction } from 'node:vm';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import { servers } from '../../scripts/issuers/servers.mjs';
import { anchorsOf, read, unique } from '../support/documents.mjs';

const page = read('docs/authorization-servers.md');
const rows = [...page.matchAll(/^\| \[(.+?)\]\(#(.+?)\)(?: [\d.]+)? \| (.+?) \| .+ \|$/gm)];
const sections = new Map(page.split(/^### /m).map((text) => [text.split('\n')[0], text]));
const TRIED = 'tried here';

test('the table and the sections name the same servers, those that are tried here first', () => {
  const named = rows.map(([, name]) => name);
  assert.deepEqual(
    named,
    [...sections.keys()].filter((title) => named.includes(title)),
  );
  for (const [, name, anchor] of rows) assert.ok(anchorsOf(page).includes(anchor), name);
});

test('a server is tried here exactly if npm run test:issuers starts it', () => {
  const tried = rows.filter(([, , , how]) => how === TRIED).map(([, name]) => name);
  // A server with several settings has one section: "better-auth, EdDSA".
  assert.deepEqual(tried.sort(), unique(servers.map(({ title }) => title.split(',')[0])));
});

test('a server that is not tried here has a link to its documentation', () => {
  const others = rows.filter(([, , , how]) => how !== TRIED);
  assert.ok(others.length >= 6);
  for (const [, name, , how] of others) {
    assert.equal(how, 'its documentation', name);
    assert.match(sections.get(name), /^\| source \| \[.+\]\(https:\/\/.+\) \|$/m, name);
  }
});

describe('the options', () => {
  const all = [...page.matchAll(/^\| (options.*?) \| `(.+)` \|$/gm)];

  test('are there for each server that has tokens for an API', () => {
    const without = rows.map(([, name]) => name).filter((name) => !/^\| options.*? \| `/m.test(sections.get(name)));
    assert.deepEqual(without, ['Google']);
  });

  for (const [, , code] of all) {
    test(`make a client: ${code}`, () => {
      const options = compileFunction(`return ({ ${code} });`)();
      const credentials = { clientId: 'api', clientSecret: 'a secret of the tests' };
      assert.ok(new MonoCloudBackendNodeClient({ ...credentials, ...options }));
    });
  }

  test('that the text names are options of a client', () => {
    const named = [...page.matchAll(/`(\w+): '(\w+)'`/g)].filter(([, name]) => name !== 'aud' && name !== 'token_use');
    assert.ok(named.length >= 3);
    const base = { tenantDomain: 'https://issuer.example.com', audience: 'https://api.example.com' };
    for (const [, name, value] of named) assert.ok(new MonoCloudBackendNodeClient({ ...base, [name]: value }), name);
  });
});
