// Which tokens does the load consist of? Each with what it is worth.

import { randomBytes } from 'node:crypto';

const ALGS = ['RS256', 'ES256', 'EdDSA'];
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/**
 * A source of `{ token, path, kind, kid, isGood, lacksScope }`. `signing()` gives the keys in use, `former()` withdrawn
 * ones, `server` is the issuer behind its proxy.
 */
export function tokenSource(server, { signing, former }) {
  let number = 0;
  const kept = [];
  const opaque = Array.from({ length: 50 }, () => server.opaque());

  const sign = (keys, claims = {}, { alg = pick(ALGS), header } = {}) => {
    const key = { RS256: keys.rsa, ES256: keys.p256, EdDSA: keys.ed25519 }[alg];
    number += 1;
    const token = server.sign({ alg, key, header: { alg, kid: key.kid, ...header }, claims: { jti: `${number}`, ...claims } });
    return { token, kind: 'jwt', kid: header?.kid ?? key.kid, isGood: true, lacksScope: false };
  };
  const bad = (wish) => ({ ...wish, isGood: false });
  const past = () => Math.floor(Date.now() / 1000) - 60;

  const MAKERS = [
    [30, () => keep(sign(signing()))],
    // Seen before: remembered, or in the cache.
    [30, () => (kept.length > 0 ? { ...pick(kept) } : sign(signing()))],
    [5, () => ({ ...sign(signing()), path: '/scoped', lacksScope: true })],
    [5, () => ({ ...sign(signing(), { scope: 'data:read data:write' }), path: '/scoped' })],
    [3, () => sign(former() ?? signing())],
    [8, () => ({ token: pick(opaque), kind: 'opaque', isGood: true })],
    [2, () => ({ token: randomBytes(24).toString('base64url'), kind: 'opaque', isGood: false, path: '/plain' })],
    [3, () => bad(sign(signing(), { exp: past() }))],
    [3, () => bad(sign(signing(), { aud: 'https://other.example.com' }))],
    [3, () => bad(sign(signing(), { iss: 'https://elsewhere.example' }))],
    [3, () => forged(sign(signing()))],
    [2, () => bad({ ...sign(signing()), token: 'a.b.c' })],
    [3, () => bad(sign(signing(), {}, { header: { kid: `unknown-${number}` } }))],
  ];
  const total = MAKERS.reduce((sum, [weight]) => sum + weight, 0);

  function keep(wish) {
    kept.push(wish);
    if (kept.length > 200) kept.shift();
    return wish;
  }

  /** A signature of which one octet is another. */
  function forged(wish) {
    const at = wish.token.lastIndexOf('.') + 5;
    const other = wish.token[at] === 'A' ? 'B' : 'A';
    return bad({ ...wish, token: wish.token.slice(0, at) + other + wish.token.slice(at + 1) });
  }

  return {
    next() {
      let left = Math.random() * total;
      const [, make] = MAKERS.find(([weight]) => (left -= weight) < 0);
      return { path: pick(['/plain', '/plain', '/cached']), ...make() };
    },
    /** One more with a key that nobody has. */
    unknown: () => ({ path: '/plain', ...bad(sign(signing(), {}, { alg: 'EdDSA', header: { kid: randomBytes(8).toString('hex') } })) }),
  };
}
