/** Do the applications in `docs/migration.md` work? Only their port is changed. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startSource } from '../examples/run.mjs';
import { get } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const PAGE = fileURLToPath(new URL('../../docs/migration.md', import.meta.url));

let issuer;
let blocks;

before(async () => {
  issuer = await startIssuer();
  const page = await readFile(PAGE, 'utf8');
  blocks = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, source]) => source);
});
after(() => issuer.close());

describe('an application of the migration page', () => {
  const paths = {
    '/health': [200],
    '/api/messages': [401, 403, 200],
    '/api/team': [401, 403, 200],
    '/api/admin': [401, 403, 200],
  };

  it('from express-jwt answers by token and scope, and its health without either', () =>
    ask(0, ['/health', '/api/messages']));

  it('from express-jwt with an optional token takes its absence and no bad token', async () => {
    await withBlock(1, async (url) => {
      const { sub } = issuer.claims();
      assert.deepEqual((await get(`${url}/api/messages`)).body, { subject: 'nobody' });
      assert.deepEqual((await get(`${url}/api/messages`, { token: issuer.sign() })).body, { subject: sub });
      assert.equal((await get(`${url}/api/messages`, { token: issuer.sign({ claims: { exp: 1 } }) })).status, 401);
    });
  });

  it('from express-oauth2-jwt-bearer answers by token, scope, group and claim', () =>
    ask(2, ['/api/messages', '/api/team', '/api/admin']));

  it('from @fastify/jwt answers by token, scope and group', () => ask(3, ['/api/messages', '/api/team']));

  it('from the published package restores its clock tolerance, and fetches with the global fetch', async () => {
    const ago = (seconds) => issuer.sign({ claims: { exp: Math.floor(Date.now() / 1000) - seconds } });
    await withBlock(4, async (url) => {
      assert.equal((await get(`${url}/api/messages`)).status, 401);
      assert.equal((await get(`${url}/api/messages`, { token: ago(30) })).status, 200);
      assert.equal((await get(`${url}/api/messages`, { token: ago(120) })).status, 401, 'the default accepts it');
    });
  });

  it('is one of five', () => assert.equal(blocks.length, 5));

  it('restores each default that the table says a setting restores', () => {
    for (const setting of ['clockTolerance: 60', 'introspectionCacheDuration: 300', 'responseTimeout: 10_000']) {
      assert.ok(blocks[4].includes(setting), setting);
    }
  });

  /** Requests without a token, with a token of few rights, and with a token of many rights. */
  async function ask(index, asked) {
    const poor = issuer.sign();
    const rich = issuer.sign({ claims: { scope: 'read:messages', groups: ['engineering'], role: 'admin' } });
    await withBlock(index, async (url) => {
      for (const path of asked) {
        const statuses = [];
        for (const token of [undefined, poor, rich]) statuses.push((await get(url + path, { token })).status);
        assert.deepEqual([...new Set(statuses)], paths[path], path);
      }
    });
  }

  async function withBlock(index, body) {
    const fastify = 'const url = await fastify.listen({ port: 0 });\nconsole.log(`listening ${new URL(url).port}`);';
    const express = 'const server = app.listen(0, () => console.log(`listening ${server.address().port}`));';
    const source = blocks[index]
      .replace('await fastify.listen({ port: 3000 });', fastify)
      .replace('app.listen(3000);', express);
    assert.notEqual(source, blocks[index]);
    const app = await startSource(source, {
      dependencies: ['@monocloud/backend-node', 'express', 'fastify'],
      variables: { TENANT_DOMAIN: issuer.issuer, AUDIENCE },
    });
    try {
      await body(app.url);
    } finally {
      await app.close();
    }
  }
});
