// Which routes accept which JWTs, and which response does each route send?
//
// All tokens come from the authorization server's token endpoint. The forged ones are made from those.

import { compact } from '../__test__/support/jws.mjs';
import { keySet } from '../__test__/support/keys.mjs';

const PROTECTED = '/api/protected';
const NEEDS_WRITE = '/api/data';
const NEEDS_ENGINEERING = '/api/team';

/** Rows of `{ path, credential, token, expected, because }`; see table.mjs. */
export async function jwtRows(server) {
  // The client `post` is in the group engineering, `basic` in sales; `late` gets tokens from two hours ago.
  const [read, write, sales, expired, elsewhere] = await Promise.all([
    server.obtainToken({ scope: 'data:read' }),
    server.obtainToken({ scope: 'data:write' }),
    server.obtainToken({ client: 'basic' }),
    server.obtainToken({ client: 'late' }),
    server.obtainToken({ resource: 'https://other.example.com' }),
  ]);
  const otherAlgorithms = await Promise.all(
    ['PS256', 'ES256', 'EdDSA'].map(async (alg) => ({
      path: PROTECTED,
      credential: `a JWT signed with ${alg}`,
      token: await server.obtainToken({ alg }),
      expected: 200,
    })),
  );
  return [
    { path: PROTECTED, credential: 'a JWT', token: read, expected: 200 },
    ...otherAlgorithms,
    { path: NEEDS_WRITE, credential: 'a JWT with data:write', token: write, expected: 200 },
    { path: NEEDS_ENGINEERING, credential: 'a JWT of engineering', token: read, expected: 200 },
    { path: PROTECTED, credential: 'none', expected: 401, because: /^Bearer$/ },
    { path: PROTECTED, credential: 'altered claims', token: alter(read), expected: 401, because: /signature/i },
    { path: PROTECTED, credential: "a stranger's key", token: await forge(read), expected: 401, because: /signature/i },
    { path: PROTECTED, credential: 'an expired JWT', token: expired, expected: 401, because: /expired/i },
    { path: PROTECTED, credential: "another API's JWT", token: elsewhere, expected: 401, because: /audience/i },
    { path: NEEDS_WRITE, credential: 'a JWT with data:read', token: read, expected: 403, because: /data:write/ },
    {
      path: NEEDS_ENGINEERING,
      credential: 'a JWT of sales',
      token: sales,
      expected: 403,
      because: /insufficient_scope/,
    },
  ];
}

/** The same header and signature with claims that grant more. */
function alter(token) {
  const [header, payload, signature] = token.split('.');
  const claims = { ...decode(payload), scope: 'data:read data:write' };
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}

/** The same header (with its `kid`) and claims, signed with another key. */
async function forge(token) {
  const [header, payload] = token.split('.');
  const { rsa } = await keySet('stranger');
  return compact(decode(header), decode(payload), rsa.privateKey);
}

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));
