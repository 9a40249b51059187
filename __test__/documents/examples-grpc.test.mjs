/** Does `examples/grpc` end a call with the right status? With a real server and a real client. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { Client, Metadata, credentials, status } from '@grpc/grpc-js';

import { startExample } from '../examples/run.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

let issuer;

before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

const sign = (claims) => issuer.sign({ claims });
const toBytes = (value) => Buffer.from(JSON.stringify(value));

/** `use` gets `call(method, authorization)`, which returns `{ code, details }` or the answer, and the running example. */
async function withService({ issuer: domain }, use) {
  const example = await startExample('grpc', { variables: { TENANT_DOMAIN: domain, AUDIENCE } });
  const client = new Client(`127.0.0.1:${example.port}`, credentials.createInsecure());
  const call = (method, authorization) => {
    const metadata = new Metadata();
    if (authorization !== undefined) metadata.set('authorization', authorization);
    return new Promise((resolve) => {
      client.makeUnaryRequest(`/demo.Reports/${method}`, toBytes, JSON.parse, {}, metadata, (error, answer) =>
        resolve(error ? { code: error.code, details: error.details } : answer),
      );
    });
  };
  try {
    await use(call, example);
  } finally {
    client.close();
    await example.close();
  }
}

describe('grpc', () => {
  it('answers by token and scope', () =>
    withService(issuer, async (call) => {
      const none = { code: status.UNAUTHENTICATED, details: 'one bearer token is required' };
      for (const method of ['Me', 'Read']) {
        assert.deepEqual(await call(method), none);
        assert.deepEqual(await call(method, `Basic ${sign()}`), none);
        assert.deepEqual(await call(method, 'Bearer '), none);
        const expired = { code: status.UNAUTHENTICATED, details: 'Token has expired' };
        assert.deepEqual(await call(method, `Bearer ${sign({ exp: 1 })}`), expired);
      }
      assert.deepEqual(await call('Me', `Bearer ${sign()}`), { subject: 'user-1' });
      assert.equal((await call('Read', `Bearer ${sign()}`)).code, status.PERMISSION_DENIED);
      const scope = 'report:read';
      assert.deepEqual(await call('Read', `Bearer ${sign({ scope })}`), { report: 'all is well' });
    }));

  it('rejects two tokens', () =>
    withService(issuer, async (call) => {
      const { code } = await call('Me', `Bearer ${sign()}, Bearer ${sign({ sub: 'user-2' })}`);
      assert.equal(code, status.UNAUTHENTICATED);
    }));

  it('rejects a token that is bound to a key or a certificate', () =>
    withService(issuer, async (call) => {
      for (const cnf of [{ jkt: 'a'.repeat(43) }, { 'x5t#S256': 'a'.repeat(43) }]) {
        assert.equal((await call('Me', `Bearer ${sign({ cnf })}`)).code, status.UNAUTHENTICATED);
      }
    }));

  it('gives each call its own claims', () =>
    withService(issuer, async (call) => {
      const subjects = Array.from({ length: 50 }, (_, index) => `user-${index}`);
      const answers = await Promise.all(subjects.map((sub) => call('Me', `Bearer ${sign({ sub })}`)));
      assert.deepEqual(
        answers.map(({ subject }) => subject),
        subjects,
      );
    }));

  it('answers UNAVAILABLE, not UNAUTHENTICATED, while the authorization server is out of reach', async () => {
    const gone = await startIssuer();
    await gone.close();
    await withService(gone, async (call) => {
      for (const method of ['Me', 'Read']) {
        assert.deepEqual(await call(method, `Bearer ${gone.sign()}`), {
          code: status.UNAVAILABLE,
          details: 'try again later',
        });
      }
    });
  });

  it('has a client that sends the token of its environment', () =>
    withService(issuer, async (_call, { folder, port }) => {
      const env = { PATH: process.env.PATH, PORT: port, TOKEN: sign() };
      const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'client.js')], { env });
      assert.match(stdout, /\/demo\.Reports\/Me \{ subject: 'user-1' \}/);
      assert.match(stdout, /\/demo\.Reports\/Read 7 PERMISSION_DENIED/);
    }));
});
