/** Do the examples with NestJS and with WebSockets work? Each is started as its README says. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';

import { io } from 'socket.io-client';

import { startExample } from '../examples/run.mjs';
import { get, request } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { skip as withoutNest } from '../support/nest.mjs';
import { describeWhere } from '../support/suite.mjs';
import { closing, connect, tell } from '../support/websockets.mjs';

let issuer;

before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

const sign = (claims) => issuer.sign({ claims });
const now = () => Date.now() / 1000;

async function withExample(name, body) {
  const example = await startExample(name, { variables: { TENANT_DOMAIN: issuer.issuer, AUDIENCE } });
  try {
    return await body(example);
  } finally {
    await example.close();
  }
}

describeWhere(withoutNest, 'nestjs', () => {
  it('answers by token and scope', async () => {
    await withExample('nestjs', async ({ url }) => {
      const bare = await get(`${url}/api/me`);
      assert.deepEqual([bare.status, bare.headers['www-authenticate']], [401, 'Bearer']);
      assert.deepEqual((await get(`${url}/api/me`, { token: sign() })).body, { subject: 'user-1' });
      const post = (token) =>
        request(`${url}/api/posts`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ text: 'hello' }),
        });
      assert.equal((await post(sign())).status, 403);
      const created = await post(sign({ scope: 'posts:write' }));
      assert.deepEqual([created.status, created.body], [201, { id: '1', author: 'user-1', text: 'hello' }]);
    });
  });
});

describe('websocket', () => {
  it('lets a browser chat by its token, takes a new one, and closes when it ends', async () => {
    await withExample('websocket', async ({ url }) => {
      const chat = `${url.replace('http', 'ws')}/chat`;
      assert.equal((await connect(chat)).status, 401);
      assert.equal((await connect(chat, { token: sign() })).status, 403);
      const token = sign({ scope: 'chat' });
      const { socket, protocol } = await connect(chat, { protocols: ['bearer', token] });
      assert.equal(protocol, 'bearer');
      assert.equal(await tell(socket, 'hello'), 'user-1: hello');
      assert.equal(
        await tell(socket, `renew ${sign({ scope: 'chat', sub: 'other' })}`),
        'not renewed: argument_invalid',
      );
      const ended = closing(socket);
      assert.equal(await tell(socket, `renew ${sign({ scope: 'chat', exp: now() + 0.5 })}`), 'renewed');
      assert.deepEqual(await ended, [4401, 'token expired']);
    });
  });

  it('has a chat with Socket.IO on the same server', async () => {
    await withExample('websocket', async ({ url }) => {
      const open = (token) => io(url, { auth: { token }, reconnection: false, forceNew: true });
      const [refused] = await once(open(sign()), 'connect_error');
      assert.deepEqual(refused.data, { status: 403, code: 'insufficient_scope', reason: 'scope_missing' });
      const socket = open(sign({ scope: 'chat' }));
      await once(socket, 'connect');
      const said = once(socket, 'said');
      socket.emit('say', 'hello');
      assert.deepEqual(await said, ['user-1: hello']);
      assert.equal(await socket.emitWithAck('renew', sign({ scope: 'chat' })), 'renewed');
      socket.disconnect();
    });
  });
});
