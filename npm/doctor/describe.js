'use strict';

/** What a token says, put into words beside the rule it is held against. Decides nothing. */

const { fixOf } = require('./fixes.js');
const { span } = require('./ranges.js');

const WITHOUT_SLASH = /\/$/;

/** By rule: the value, and what it was held against. */
const DESCRIPTIONS = {
  form: ({ token, header }) =>
    `${Buffer.byteLength(token)} bytes, ${parts(token)}${header ? '' : ', opaque to this API'}`,
  active: () => 'the authorization server says so',
  header: ({ header }) => (header ? 'one JSON object' : 'not a JSON object'),
  algorithm: ({ header }) => `alg ${json(header?.alg)}`,
  extensions: ({ header }) => extensions(header),
  type: ({ header }) => `typ ${json(header?.typ)}`,
  key: ({ header, server }) => `kid ${json(header?.kid)}, published: ${kids(server.jwks)}`,
  signature: ({ header }) => `by ${json(header?.kid)}`,
  claims: ({ claims }) =>
    claims ? `${Object.keys(claims).length} of them` : 'one JSON object without duplicates is needed',
  issuer: ({ claims, server, isIntrospected }) =>
    isIntrospected && claims && claims.iss === undefined
      ? 'no iss, which introspection allows'
      : `iss ${json(claims?.iss)}, expected ${json(server.metadata.issuer)}`,
  audience: ({ claims, values }) => `aud ${json(claims?.aud)}, expected ${json(values.get('audience'))}`,
  expiry: ({ claims }) => `exp ${moment(claims?.exp)}`,
  'start of validity': ({ claims }) => `nbf ${moment(claims?.nbf)}`,
  'time of issue': ({ claims }) => `iat ${moment(claims?.iat)}`,
  subject: ({ claims }) => `sub is ${typeof claims?.sub === 'string' ? 'a string' : json(claims?.sub)}`,
  binding: ({ claims, values }) => {
    if (values.get('validateCertificateBinding') === 'dangerously_ignore') return 'not checked: dangerously_ignore';
    return claims?.cnf === undefined ? 'not bound to a certificate' : `cnf ${json(claims.cnf)}`;
  },
  scopes: ({ claims, scopes }) => `scope ${json(claims?.scope)}, ${asked(scopes)}`,
  groups: ({ claims, groups, values }) => {
    const name = values.get('groupOptions.groupsClaim') ?? 'groups';
    const all = values.get('groupOptions.matchAll')?.toLowerCase() === 'true';
    return `${name} ${json(claims?.[name])}, ${asked(groups, all ? 'all of ' : 'any of ')}`;
  },
};

function describe(rule, facts) {
  return DESCRIPTIONS[rule](facts);
}

/** What to do: a likely slip if there is one, then what always helps. */
function advice(rule, reason, facts) {
  const { claims, isIntrospected } = facts;
  // Neither another audience of the API nor of the token request helps where the server sends none.
  if (reason === 'audience_mismatch' && claims && isAbsent(claims.aud)) return isIntrospected ? NO_AUD_ANSWERED : NO_AUD;
  return [hint(rule, facts), fixOf(reason)].filter(Boolean).join(' ');
}

const NO_AUD =
  'The token has no aud. Configure the authorization server to name this API in it (RFC 9068 §2.2 requires that): ' +
  'register the API there, and ask for the token with its resource or audience parameter.';
const NO_AUD_ANSWERED =
  'The introspection response has no aud. Configure the authorization server to send it: register the API there, ask ' +
  'for the token with its resource or audience parameter, and include aud in introspection responses (RFC 7662 §2.2).';

function isAbsent(value) {
  return value === undefined || value === null;
}

function hint(rule, { claims, server, values, token }) {
  if (rule === 'audience') return slip([claims?.aud].flat(), values.get('audience').split(/\s+/));
  if (rule === 'issuer') return slip([claims?.iss], [server.metadata.issuer]);
  if (rule === 'form' && /\s/.test(token)) return 'There is a space or a line end in it.';
  if (rule === 'form' && /^["'].*["']$/.test(token)) return 'It has quotation marks around it.';
  return undefined;
}

function slip(found, expected) {
  const texts = found.filter((text) => typeof text === 'string');
  const differsOnlyBy = (same) => texts.some((text) => expected.some((other) => same(text) === same(other)));
  if (differsOnlyBy((text) => text.replace(WITHOUT_SLASH, ''))) return 'They differ by a slash at the end.';
  if (differsOnlyBy((text) => text.toLowerCase())) return 'They differ by capital letters.';
  if (differsOnlyBy((text) => text.replace(/^https?:/, ''))) return 'They differ by http and https.';
  return undefined;
}

function extensions(header) {
  const names = ['crit', 'b64'].filter((name) => header && Object.hasOwn(header, name));
  return names.length === 0 ? 'none asked for' : `the header has ${names.join(' and ')}`;
}

function parts(token) {
  const count = token.split('.').length;
  return count === 1 ? 'no dots' : `${count} parts`;
}

function kids(jwks) {
  return jwks ? jwks.keys.map((jwk) => json(jwk?.kid)).join(', ') || 'none' : 'unknown';
}

function asked(list, how = '') {
  return list ? `asked for: ${how}${list.map(json).join(', ')}` : 'none asked for';
}

/** A NumericDate, and how far from now. */
function moment(value) {
  if (value === undefined) return 'is absent';
  const date = new Date(value * 1000);
  if (typeof value !== 'number' || Number.isNaN(date.getTime())) return `is ${json(value)}`;
  const seconds = Math.round(Math.abs(date.getTime() - Date.now()) / 1000);
  return `${date.toISOString()}, ${span(seconds)} ${date.getTime() > Date.now() ? 'from now' : 'ago'}`;
}

function json(value) {
  return value === undefined ? '(absent)' : JSON.stringify(value);
}

module.exports = { advice, describe };
