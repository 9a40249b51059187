// When are two URLs the same for a DPoP proof (RFC 9449 §4.3)?
//
// A separate normaliser, written from RFC 3986 §6.2.2 and §6.2.3 and used only here. It uses neither the URL class nor
// the engine.

const MAX_BYTES = 2048;
/** A character that RFC 3986 has nowhere: white space, controls, anything above ASCII, and these. */
const FORBIDDEN = /[^\x21-\x7e]|[\\"<>^`{|}]/;
/** Scheme, authority and path; query and fragment are not part of `htu` (RFC 9449 §4.2). */
const PARTS = /^(https?):\/\/([^/?#]+)([^?#]*)/i;
const AUTHORITY = /^(\[[\d:a-f.]+\]|[^:[\]@]+)(?::(\d*))?$/i;
const DEFAULT_PORTS = { http: '80', https: '443' };
const UNRESERVED = /^[\w.~-]$/;

/** The normal form of an http or https URL; `undefined` for any other text. */
export function comparable(text) {
  if (Buffer.byteLength(text) > MAX_BYTES || FORBIDDEN.test(text)) return undefined;
  const [, scheme, authority, path] = PARTS.exec(text) ?? [];
  const [, host, port = ''] = AUTHORITY.exec(authority ?? '') ?? [];
  if (host === undefined) return undefined;
  const protocol = scheme.toLowerCase();
  const ending = port === '' || port === DEFAULT_PORTS[protocol] ? '' : `:${port}`;
  return `${protocol}://${host.toLowerCase()}${ending}${withoutDots(decoded(path))}`;
}

/** RFC 3986 §6.2.2.1 and §6.2.2.2: upper-case escapes, and no escapes of unreserved characters. */
function decoded(path) {
  return path.replace(/%[\da-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
}

/** RFC 3986 §5.2.4, and §6.2.3: an empty path is `/`. */
function withoutDots(path) {
  const segments = [];
  const all = path.split('/').slice(1);
  all.forEach((segment, index) => {
    const isLast = index === all.length - 1;
    if (segment === '..') segments.pop();
    if (segment !== '.' && segment !== '..') segments.push(segment);
    else if (isLast) segments.push('');
  });
  return `/${segments.join('/')}`;
}
