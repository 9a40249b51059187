// Which tokens does the load send? Each has its expected result.

const ALGS = ['RS256', 'ES256', 'EdDSA'];

/**
 * One caller's source of `{ token, path, kind, kid, isGood, lacksScope }`, from its random stream. `signing()`
 * returns the current keys, `former()` the withdrawn ones. `opaque` contains valid opaque tokens. `server` is the
 * issuer behind its proxy.
 */
export function tokenSource(server, { name, random, signing, former, opaque }) {
  const { pick } = random;
  let number = 0;
  const kept = [];

  const sign = (keys, claims = {}, { alg = pick(ALGS), header } = {}) => {
    const key = { RS256: keys.rsa, ES256: keys.p256, ES512: keys.p521, EdDSA: keys.ed25519 }[alg];
    number += 1;
    const jti = `${name}-${number}`;
    const token = server.sign({ alg, key, header: { alg, kid: key.kid, ...header }, claims: { jti, ...claims } });
    return { token, kind: 'jwt', kid: header?.kid ?? key.kid, isGood: true, lacksScope: false };
  };
  const bad = (wish) => ({ ...wish, isGood: false });
  const past = () => Math.floor(Date.now() / 1000) - 60;

  const MAKERS = [
    [30, () => keep(sign(signing()))],
    // Sent before: remembered, or in the cache.
    [30, () => (kept.length > 0 ? { ...pick(kept) } : sign(signing()))],
    [5, () => ({ ...sign(signing()), path: '/scoped', lacksScope: true })],
    [5, () => ({ ...sign(signing(), { scope: 'data:read data:write' }), path: '/scoped' })],
    [3, () => sign(pick(former()) ?? signing())],
    [8, () => ({ token: pick(opaque), kind: 'opaque', isGood: true })],
    [2, garbage],
    [3, () => bad(sign(signing(), { exp: past() }))],
    [3, () => bad(sign(signing(), { aud: 'https://other.example.com' }))],
    [3, () => bad(sign(signing(), { iss: 'https://elsewhere.example' }))],
    [3, () => forged(sign(signing()))],
    [2, () => bad({ ...sign(signing()), token: 'a.b.c' })],
    [3, () => bad(sign(signing(), {}, { header: { kid: `unknown-${name}-${number}` } }))],
  ];
  const FLOODS = {
    /** With a key that nobody has. */
    unknown: () => bad(sign(signing(), {}, { alg: 'EdDSA', header: { kid: random.text(16) } })),
    garbage,
    /** A token whose signature is slow to verify. */
    slow: () => forged(sign(signing(), {}, { alg: 'ES512' })),
  };
  const total = MAKERS.reduce((sum, [weight]) => sum + weight, 0);

  /** A token that no issuer knows. */
  function garbage() {
    return { token: random.text(32), kind: 'opaque', isGood: false, path: '/plain' };
  }

  function keep(wish) {
    kept.push(wish);
    if (kept.length > 200) kept.shift();
    return wish;
  }

  /** A signature with one changed octet. */
  function forged(wish) {
    const at = wish.token.lastIndexOf('.') + 5;
    const other = wish.token[at] === 'A' ? 'B' : 'A';
    return bad({ ...wish, token: wish.token.slice(0, at) + other + wish.token.slice(at + 1) });
  }

  return {
    next() {
      let left = random.next() * total;
      const [, make] = MAKERS.find(([weight]) => (left -= weight) < 0);
      return { path: pick(['/plain', '/plain', '/cached']), ...make() };
    },
    /** One more token of a flood. */
    flood: (kind) => ({ path: '/plain', ...FLOODS[kind]() }),
  };
}
