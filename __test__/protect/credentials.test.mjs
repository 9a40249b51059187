// Which header is a Bearer credential (RFC 9110 §5.5 and §11.4, RFC 6750 §2.1)?
//
// Requests go over a socket, octet by octet. Every header that Node's parser accepts has exactly one reading.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';

import { protectApi } from '@monocloud/backend-node/express';

import { close, open } from '../support/http.mjs';
import { offline, signed } from '../support/offline.mjs';
import { rawGet } from '../support/raw-http.mjs';

const { bearerToken } = createRequire(import.meta.url)('../../npm/protect/credentials.js');

const TOKEN = signed();
const MIDDLE = Math.floor(TOKEN.length / 2);

let server;
let url;
before(async () => {
  const middleware = protectApi(offline())();
  server = http.createServer((request, response) => middleware(request, response, () => response.end('in')));
  await open(server, { port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${server.address().port}/`;
});
after(() => close(server));

const statusOf = async (value) => (await rawGet(url, [`Authorization: ${value}`])).status;

describe('a Bearer credential', () => {
  for (const [what, value, status] of [
    ['one space', `Bearer ${TOKEN}`, 200],
    ['several spaces', `Bearer    ${TOKEN}`, 200],
    ['spaces and tabs around the whole value, which are none of it', `\t Bearer ${TOKEN} \t`, 200],
    ['any case', `bEARER ${TOKEN}`, 200],
    ['a tab for the space', `Bearer\t${TOKEN}`, 401],
    ['a space, then a tab', `Bearer \t${TOKEN}`, 401],
    ['a tab, then a space', `Bearer\t ${TOKEN}`, 401],
    ['a no-break space for the space', `Bearer\u00a0${TOKEN}`, 401],
    ['a space, then a no-break space', `Bearer \u00a0${TOKEN}`, 401],
    ['a no-break space behind the token', `Bearer ${TOKEN}\u00a0`, 401],
    ['a line break of Unicode behind the token', `Bearer ${TOKEN}\u0085`, 401],
    ['a word behind the token', `Bearer ${TOKEN} x`, 401],
    ['a tab and a word behind the token', `Bearer ${TOKEN}\tx`, 401],
    ['a comma behind the token', `Bearer ${TOKEN},`, 401],
    ['quotes around the token', `Bearer "${TOKEN}"`, 401],
    ['no token', 'Bearer', 401],
    ['blanks for a token', 'Bearer  \t ', 401],
  ]) {
    test(`with ${what} is answered with ${status}`, async () => {
      assert.equal(await statusOf(value), status);
    });
  }

  for (const [where, valueWith] of [
    ['for the space', (octet) => `Bearer${octet}${TOKEN}`],
    ['between the space and the token', (octet) => `Bearer ${octet}${TOKEN}`],
    ['in the token', (octet) => `Bearer ${TOKEN.slice(0, MIDDLE)}${octet}${TOKEN.slice(MIDDLE)}`],
    ['behind the token', (octet) => `Bearer ${TOKEN}${octet}`],
    ['before the scheme', (octet) => `${octet}Bearer ${TOKEN}`],
  ]) {
    test(`with any octet ${where} is accepted only as the grammar has it`, async () => {
      const strict = new RegExp(`^[ \\t]*bearer +${TOKEN.replaceAll('.', '\\.')}[ \\t]*$`, 'i');
      const octets = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
      const wrong = [];
      for (const octet of octets) {
        const isIn = (await statusOf(valueWith(octet))) === 200;
        if (isIn !== strict.test(valueWith(octet))) wrong.push([octet.charCodeAt(0), isIn]);
      }
      assert.deepEqual(wrong, []);
    });
  }

  test('is read in the same way from a request that never was on a wire', () => {
    const read = (authorization) => bearerToken({ headers: { authorization }, rawHeaders: [] });
    assert.equal(read(`Bearer  ${TOKEN} \t`), TOKEN);
    for (const blank of ['\t', '\u00a0', '\u2003', '\ufeff', '\v', '\f', '\n']) {
      assert.notEqual(read(`Bearer ${blank}${TOKEN}`), TOKEN, JSON.stringify(blank));
      assert.notEqual(read(`Bearer ${TOKEN}${blank}x`), TOKEN, JSON.stringify(blank));
    }
  });

  test('is a member of the request’s own headers, never one that they inherit', () => {
    const headers = Object.create({ authorization: `Bearer ${TOKEN}` });
    assert.equal(bearerToken({ headers, rawHeaders: [] }), undefined);
  });
});
