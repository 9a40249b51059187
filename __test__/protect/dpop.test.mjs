// Which parts of a request belong to a DPoP proof: its field (RFC 9449 §4.3, check 1), and the one proof per request?

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { protectApi } from '@monocloud/backend-node/node';

import { credentials, proofKey, proofOf as proofOfKey } from '../support/dpop.mjs';
import { close, open } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';
import { rawExchange } from '../support/raw-http.mjs';

const require = createRequire(import.meta.url);
const { Proofs, SEVERAL, proofOf } = require('../../npm/protect/dpop.js');

/** What `proofOf` finds in a request that arrives over a socket with these lines. */
async function received(lines) {
  let found;
  const server = http.createServer((request, response) => {
    found = proofOf(request.headers, request.rawHeaders);
    response.end();
  });
  await open(server, { port: 0, host: '127.0.0.1' });
  try {
    const url = `http://127.0.0.1:${server.address().port}`;
    const text = await rawExchange(url, ['GET / HTTP/1.1', 'Host: a', 'Connection: close', ...lines]);
    assert.match(text, /^HTTP\/1\.1 200 /);
    return found;
  } finally {
    await close(server);
  }
}

describe('the proof of a request', () => {
  for (const [what, lines, expected] of [
    ['none', [], undefined],
    ['one field', ['DPoP: a.b.c'], 'a.b.c'],
    ['one field in another case, with blanks around the value', ['dpop: \t a.b.c \t'], 'a.b.c'],
    ['an empty field', ['DPoP:'], ''],
    ['two fields', ['DPoP: a.b.c', 'DPoP: a.b.c'], SEVERAL],
    ['two fields in different case', ['DPoP: a.b.c', 'DPOP: d.e.f'], SEVERAL],
    ['two fields, of which one is empty', ['DPoP: a.b.c', 'DPoP:'], SEVERAL],
    ['two fields, and both are empty', ['DPoP:', 'DPoP:'], SEVERAL],
    ['a list in one field', ['DPoP: a.b.c, d.e.f'], SEVERAL],
    ['a field whose name only begins so', ['DPoP-Nonce: a'], undefined],
  ]) {
    test(`is found over a socket: ${what}`, async () => {
      assert.equal(await received(lines), expected);
    });
  }

  test('is found in web Headers, which join several fields', () => {
    const headers = new Headers({ DPoP: 'a.b.c' });
    assert.equal(proofOf(headers), 'a.b.c');
    headers.append('DPoP', 'a.b.c');
    assert.equal(proofOf(headers), SEVERAL);
    assert.equal(proofOf(new Headers()), undefined);
  });

  test('is found in headers that no parser trimmed, and that have a list of values', () => {
    assert.equal(proofOf({ dpop: 'a.b.c \t' }, []), 'a.b.c');
    assert.equal(proofOf({ dpop: ['a.b.c'] }, []), SEVERAL);
    // A layer between the parser and this package may have kept one of two fields.
    assert.equal(proofOf({ dpop: 'a.b.c' }, ['DPoP', 'a.b.c', 'dpop', 'd.e.f']), SEVERAL);
    assert.equal(proofOf(Object.create({ dpop: 'a.b.c' }), []), undefined);
  });
});

describe('a request without a method', () => {
  test('is refused with 401, whatever the proof says', async () => {
    const key = await proofKey();
    const token = signed({ cnf: { jkt: key.jkt } });
    const guard = protectApi(offline({ publicUrl: 'https://api.example.com' }))();
    const url = 'https://api.example.com/x';
    for (const method of ['GET', '', 'undefined']) {
      const headers = credentials(token, proofOfKey({ key, url, token, method }));
      assert.equal((await guard({ headers, url: '/x' })).status, 401, method);
    }
  });
});

describe('the proofs of the requests', () => {
  test('are one for each request, memory of used proofs and list of expected URLs', () => {
    const proofs = new Proofs();
    const [request, urls] = [{}, ['https://a.example/x', 'https://b.example/x']];
    const made = proofs.of(request, 1, urls, () => ({}));
    assert.equal(
      proofs.of(request, 1, [...urls], () => assert.fail('a second proof')),
      made,
    );
    const others = [
      [{}, 1, urls],
      [request, 2, urls],
      [request, 1, []],
      [request, 1, [...urls].reverse()],
      [request, 1, [urls.join(' ')]],
      [request, 1, [urls.join('","')]],
    ];
    for (const [message, context, expected] of others) {
      assert.notEqual(
        proofs.of(message, context, expected, () => ({})),
        made,
      );
    }
  });

  test('are not kept if they cannot be made', () => {
    const proofs = new Proofs();
    const request = {};
    const failing = () => {
      throw new Error('canary');
    };
    assert.throws(() => proofs.of(request, 1, [], failing));
    assert.ok(proofs.of(request, 1, [], () => ({})));
  });
});
