// Which tokens does the load send? Each has its expected result.
//
// A wish with `proof` is a DPoP request (RFC 9449). `proof` says who signs it and for which path; the load makes its
// text when it sends it, because the time is in it. A replay has the `proof` of an earlier wish.

const ALGS = ['RS256', 'ES256', 'EdDSA'];

/**
 * One caller's source of `{ token, path, kind, kid, isGood, lacksScope, proof, isReplay }`, from its random stream.
 * `signing()` returns the current keys, `former()` the withdrawn ones. `opaque` contains valid opaque tokens. `server`
 * is the issuer behind its proxy. `senders`: the DPoP keys `{ own, stranger }`.
 */
export function tokenSource(server, { name, random, signing, former, opaque, senders }) {
  const { pick } = random;
  let number = 0;
  const kept = [];
  const proven = [];

  const sign = (keys, claims = {}, { alg = pick(ALGS), header } = {}) => {
    const key = { RS256: keys.rsa, ES256: keys.p256, ES512: keys.p521, EdDSA: keys.ed25519 }[alg];
    number += 1;
    const jti = `${name}-${number}`;
    const token = server.sign({ alg, key, header: { alg, kid: key.kid, ...header }, claims: { jti, ...claims } });
    return { token, kind: 'jwt', kid: header?.kid ?? key.kid, isGood: true, lacksScope: false };
  };
  const bad = (wish) => ({ ...wish, isGood: false });
  const past = () => Math.floor(Date.now() / 1000) - 60;

  const PROVING = [
    [12, () => keepProven(proving(bound()))],
    // The token of an earlier request with a new proof, and the earlier request again.
    [8, () => (proven.length > 0 ? keepProven(proving(pick(proven))) : proving(bound()))],
    [4, () => (proven.length > 0 ? { ...pick(proven), isReplay: true } : proving(bound()))],
    [2, () => bad(proving(bound(), { by: 'stranger' }))],
    [2, () => bad(proving(bound(), { at: '/elsewhere' }))],
    [2, () => bad(bound())],
  ];
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
    ...PROVING,
  ];
  const FLOODS = {
    /** With a key that nobody has. */
    unknown: () => bad(sign(signing(), {}, { alg: 'EdDSA', header: { kid: random.text(16) } })),
    garbage,
    /** A token whose signature is slow to verify. */
    slow: () => forged(sign(signing(), {}, { alg: 'ES512' })),
    /** A proof by a key that no token is bound to. */
    foreign: () => bad(proving(bound(), { by: 'stranger' })),
  };
  const total = MAKERS.reduce((sum, [weight]) => sum + weight, 0);

  /** A token that no issuer knows. */
  function garbage() {
    return { token: random.text(32), kind: 'opaque', isGood: false, path: '/plain' };
  }

  function bound() {
    return { path: pick(['/plain', '/cached']), ...sign(signing(), { cnf: { jkt: senders.own.jkt } }) };
  }

  function proving(wish, { by = 'own', at = wish.path } = {}) {
    number += 1;
    return { ...wish, isReplay: false, proof: { jti: `${name}-${number}`, by, path: at } };
  }

  function keepProven(wish) {
    proven.push(wish);
    if (proven.length > 20) proven.shift();
    return wish;
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
