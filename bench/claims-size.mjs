// How much of JavaScript's heap do the claims of remembered tokens take?
//
//     node bench/claims-size.mjs [--count 2000]
//
// The engine estimates it from the length of the claims' JSON text (src/engine/memory/size.rs): 300 bytes, and 2.5
// bytes per byte of text. This bench measures the basis of the estimate, for claims of several shapes.

import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { number, printTable } from './report.mjs';
import { argument } from './support.mjs';

const { Slots } = createRequire(import.meta.url)('../npm/client/claims.js');

const COUNT = Number(argument('count', 2000));
const PLACES = 2 ** 20;

const estimated = (length) => 300 + 2.5 * length;
const hex = (i, j) => (i * 7919 + j * 104_729).toString(16);
const list = (length, make) => Array.from({ length }, (_, j) => make(j));
const base = (i) => ({
  iss: 'https://acme.us.example',
  sub: `auth|${i}65f2a7c84e1b9d0012ab34cd`,
  aud: ['https://api.example.com'],
  client_id: 'v1StGXR8_Z5jdHi6B-myT',
  scope: 'openid profile orders:read orders:write',
  iat: 1_764_165_000 + i,
  nbf: 1_764_165_000,
  exp: 1_764_169_000,
  jti: `${i}-4c0b7a3e-aaaa-bbbb-cccc-1234567890ab`,
});
const SHAPES = {
  'without groups': base,
  'two groups': (i) => ({ ...base(i), groups: list(2, (j) => ({ id: hex(i, j), name: `editors ${j}` })) }),
  '200 groups with id and name': (i) => ({
    ...base(i),
    groups: list(200, (j) => ({ id: `${hex(i, j)}-4c0b-bbbb`, name: `group ${hex(i, j)} of many` })),
  }),
  '200 groups as strings': (i) => ({ ...base(i), groups: list(200, (j) => `group-${hex(i, j)}`) }),
  'nested: realms, roles': (i) => ({
    ...base(i),
    realm: { roles: [`a${hex(i, 1)}`, 'b'], deep: { er: { list: [1.5 + i, { x: hex(i, 3) }] } } },
    resource_access: Object.fromEntries(list(10, (j) => [`api-${j}`, { roles: [hex(i, j), 'user'] }])),
  }),
  'names that no other token has': (i) => ({
    ...base(i),
    [`m${hex(i, 1)}`]: { a: { b: [hex(i, 2), { [`n${i}`]: 1 }] } },
  }),
  '500 numbers': (i) => ({ ...base(i), list: list(500, (j) => i + j) }),
};

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

function heapUsed() {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

const rows = Object.entries(SHAPES).map(([name, make]) => {
  const texts = list(COUNT, (i) => JSON.stringify(make(i)));
  const length = texts.reduce((sum, text) => sum + text.length, 0) / COUNT;
  const slots = new Slots(() => undefined);
  const before = heapUsed();
  texts.forEach((text, i) => slots.claims(PLACES + i, () => ({ claims: JSON.parse(text) })));
  const bytes = (heapUsed() - before) / COUNT;
  // Keeps the claims alive until the heap is read.
  slots.claims(PLACES, () => undefined);
  return [name, number(length), number(bytes), number(estimated(length)), number(bytes / length)];
});
printTable(
  'Claims that are kept',
  ['claims', 'bytes of JSON', 'bytes of JavaScript', 'estimated', 'a byte of JSON'],
  rows,
);
