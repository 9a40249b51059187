// What may a cache return instead of what was stored?
//
// Random mutations of an entry, from a seed, so that a failure can be repeated. The rules for an entry of an opaque
// token are implemented again here, independently of the engine.

/** A generator of numbers below `limit`: mulberry32. */
export function seeded(seed) {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

const cyclic = {};
cyclic.self = cyclic;

/** Values that are not valid claims, or are just outside the limits. */
const ODD = [
  undefined,
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  1.5,
  NaN,
  Infinity,
  1e308,
  2 ** 53,
  '',
  ' ',
  'true',
  '0',
  'null',
  '__proto__',
  '\ud800',
  '\u0000',
  'é'.repeat(50),
  [],
  [[]],
  [null],
  {},
  { length: 1 },
  cyclic,
  10n,
  Symbol('odd'),
  () => true,
  new Date(0),
  new Map([['sub', 'x']]),
  /x/,
  Buffer.from('x'),
  Object.create(null),
  new Proxy({}, {}),
];
const THROWING = Object.defineProperty({}, 'sub', {
  enumerable: true,
  get() {
    throw new Error('getter');
  },
});
const REVOKED = (() => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
})();
const DAY = 86_400;
const NAMES = [
  'iss',
  'aud',
  'exp',
  'nbf',
  'iat',
  'sub',
  'scope',
  'cnf',
  'active',
  'client_id',
  'groups',
  'jti',
  '__proto__',
  'toJSON',
  'monocloud:obtained',
];

/** One mutation of `entry`; `others` are entries of other tokens; `now` in seconds. */
export function mutate(entry, others, now, random) {
  const pick = (list) => list[random(list.length)];
  const times = [now - DAY, now + DAY, now - 2 * DAY, String(now + DAY), [now + DAY], -1, now + 0.5 + DAY];
  const names = [...Object.keys(entry), ...NAMES];
  const other = pick(others);
  switch (random(12)) {
    case 0:
      return entry;
    case 1:
      return pick(others);
    case 2:
      return pick(ODD);
    case 3:
      return without(entry, pick(names));
    case 4:
      return withMember(entry, pick(names), pick(ODD));
    case 5:
      return withMember(entry, pick(['exp', 'nbf', 'iat']), pick(times));
    case 6:
      return withMember(entry, pick(Object.keys(entry)), pick(others)[pick(Object.keys(entry))]);
    case 7:
      return flipped(entry, random);
    case 8:
      return pick([
        [entry],
        { claims: entry },
        JSON.stringify(entry),
        new Map(Object.entries(entry)),
        Object.create(entry),
      ]);
    case 9:
      return pick([
        THROWING,
        REVOKED,
        { ...entry, cyclic },
        { ...entry, toJSON: () => other },
        Object.freeze({ ...entry }),
      ]);
    case 10:
      return { ...pick(others), ...without(entry, pick(names)) };
    default:
      return withMember(entry, 'active', pick([true, false, 'true', 'false', 0, 1, null, {}]));
  }
}

const without = (entry, name) => Object.fromEntries(Object.entries(entry).filter(([other]) => other !== name));

/** `__proto__` becomes an own member, as with `JSON.parse`. */
function withMember(entry, name, value) {
  return Object.defineProperty({ ...entry }, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Changes one character of the text. The entry is lost if the text is no longer JSON. */
function flipped(entry, random) {
  const text = JSON.stringify(entry);
  const at = random(text.length);
  const changed = text.slice(0, at) + String.fromCharCode(32 + random(95)) + text.slice(at + 1);
  try {
    return JSON.parse(changed);
  } catch {
    return changed;
  }
}

/**
 * The expected result for an entry of an opaque token: `{ claims }`, `{ reason }` of a rejection, or nothing for no
 * entry. `expected`: `{ issuer, audience, scope, client }`. `scope` is the scope that the call requires, `client` the
 * client that must have obtained the entry.
 */
export function worth(entry, expected, now) {
  const whole = throughJson(entry);
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) return undefined;
  const { 'monocloud:obtained': how, ...claims } = whole;
  if (typeof how !== 'object' || how === null || Object.keys(how).sort().join() !== 'at,by,client') return undefined;
  const { by, at, client } = how;
  if (by !== 'introspection' || client !== expected.client || !(at >= 0 && at <= now + 5)) return undefined;
  // By default, a response without `exp` and an inactive verdict are used for 300 seconds.
  if ((claims.exp === undefined || claims.active === false) && at + 300 <= now) return undefined;
  return worthOfAnswer(claims, expected, now);
}

/** The same for the response of the issuer itself. */
export function worthOfAnswer(answer, { issuer, audience, scope }, now) {
  const claims = throughJson(answer);
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
  const { active, iss, aud, exp, nbf, iat, sub, cnf } = claims;
  if (active === false && typeof exp === 'number' && exp > now && (iss === undefined || iss === issuer)) {
    return { reason: 'inactive' };
  }
  if (READ.some((name) => /\\ud[89a-f]/i.test(JSON.stringify(claims[name]) ?? ''))) return undefined;
  const isAudience =
    aud === audience || (Array.isArray(aud) && aud.every((one) => typeof one === 'string') && aud.includes(audience));
  const areTimes = [exp, nbf, iat].every((time) => time === undefined || typeof time === 'number');
  const isTime = !(exp <= now) && !(nbf > now) && !(iat < 0);
  const isSubject = sub === undefined || typeof sub === 'string';
  const isActive = active === undefined || active === true;
  if (iss !== issuer || !isAudience || !areTimes || !isTime || !isSubject || !isActive) return undefined;
  if (cnf !== undefined && !isUnbound(cnf)) return { reason: 'certificate' };
  const scopes = typeof claims.scope === 'string' ? claims.scope.split(' ') : [];
  if (scope !== undefined && !scopes.includes(scope)) return { reason: 'scope_missing' };
  delete claims.active;
  return { claims };
}

const isUnbound = (cnf) => typeof cnf === 'object' && cnf !== null && !Array.isArray(cnf) && !('x5t#S256' in cnf);

/** Text that rules read. It must not contain half a surrogate pair (RFC 7493 §2.1). Elsewhere `JSON.parse` decides. */
const READ = ['active', 'aud', 'cnf', 'exp', 'groups', 'iat', 'iss', 'nbf', 'scope', 'sub'];

/** A copy through JSON. */
function throughJson(entry) {
  try {
    const text = typeof entry === 'object' && entry !== null ? JSON.stringify(entry) : undefined;
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
